"""Questions on passages, in SQuAD's form: English and Chinese."""

from bert_tf2.jobs.datasets.dataset import EVAL, SQUAD, TEST, TRAIN, Dataset, Download, File
from bert_tf2.jobs.datasets.known.languages import CLUE_SIZES

_SQUAD_SITE = "https://rajpurkar.github.io/SQuAD-explorer/"


def _squad(version: str, title: str, train: tuple[int, int, str], dev: tuple[int, int, str], flags: tuple[str, ...]) -> Dataset:
    file_version = "1.1" if version == "1.1" else "v2.0"
    names = f"train-v{version}.json", f"dev-v{version}.json"
    return Dataset(
        f"SQuAD-{version}",
        title,
        (
            File(names[0], TRAIN, SQUAD, train[0], version=file_version, sha256=train[2]),
            File(names[1], EVAL, SQUAD, dev[0], version=file_version, sha256=dev[2]),
        ),
        _SQUAD_SITE,
        "Rajpurkar et al. 2016 and 2018, https://arxiv.org/abs/1606.05250, https://arxiv.org/abs/1806.03822",
        ("--fine_tuning_task_type=squad", "--squad_data_file={dir}/" + names[0], *flags),
        384,
        downloads=tuple(
            Download(f"{_SQUAD_SITE}dataset/{name}", size, sha256) for name, (_, size, sha256) in zip(names, (train, dev))
        ),
    )


SQUADS = (
    _squad(
        "1.1",
        "questions on Wikipedia, each with an answer",
        (87_599, 30288272, "3527663986b8295af4f7fcdff1ba1ff3f72d07d61a20f487cb238a6ef92fd955"),
        (10_570, 4854279, "95aa6a52d5d6a735563366753ca50492a658031da74f301ac5238b03966972c9"),
        (),
    ),
    _squad(
        "2.0",
        "questions on Wikipedia, some without an answer",
        (130_319, 42123633, "68dcfbb971bd3e96d5b46c7177b16c1a4e7d4bdef19fb204502738552dede002"),
        (11_873, 4370528, "80a5225e94905956a6446d296ca1093975c4d3b3260f1d6c8f68bc2ab77182d8"),
        ("--version_2_with_negative",),
    ),
    Dataset(
        "CMRC2018",
        "questions on Chinese Wikipedia",
        (
            File(
                "cmrc2018_train.json", TRAIN, SQUAD, 10_142, mark=r"TRAIN_\d+_QUERY_", also=("train.json",),
            ),
            File("cmrc2018_dev.json", EVAL, SQUAD, 3219, mark=r"DEV_\d+_QUERY_", also=("dev.json",)),
            File("cmrc2018_trial.json", TEST, SQUAD, 1002, mark=r"TRIAL_\d+_QUERY_", also=("trial.json",)),
        ),
        "https://github.com/ymcui/cmrc2018",
        CLUE_SIZES,
        ("--fine_tuning_task_type=squad", "--squad_data_file={dir}/cmrc2018_train.json"),
        384,
        note="the files in SQuAD's form are needed (squad-style-data), not those with context_text",
    ),
    Dataset(
        "DRCD",
        "questions on Wikipedia in traditional Chinese",
        (
            File("DRCD_training.json", TRAIN, SQUAD, 26_936, mark=r'"\d+-\d+-\d+"', also=("train.json",)),
            File("DRCD_dev.json", EVAL, SQUAD, 3524, mark=r'"\d+-\d+-\d+"', also=("dev.json",)),
            File("DRCD_test.json", TEST, SQUAD, 3493, mark=r'"\d+-\d+-\d+"', also=("test.json",)),
        ),
        "https://github.com/DRCKnowledgeTeam/DRCD",
        CLUE_SIZES,
        ("--fine_tuning_task_type=squad", "--squad_data_file={dir}/DRCD_training.json"),
        384,
    ),
)  # fmt: skip
