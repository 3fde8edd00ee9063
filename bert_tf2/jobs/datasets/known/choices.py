"""Questions with several answers to choose from."""

from bert_tf2.jobs.datasets.dataset import ARTICLES, CSV, EVAL, HELP, JSON_LINES, TABLE, TEST, TRAIN, Dataset, File

_CHOICE = "--fine_tuning_task_type=multiple_choice"
_SOCIAL = ("context", "question", "answerA", "answerB", "answerC")
CHOICES = (
    Dataset(
        "SocialIQA",
        "what people in a situation feel, want or do; one of three answers",
        (
            File("train.jsonl", TRAIN, JSON_LINES, 33_410, (*_SOCIAL, "correct"), also=("socialIQa_v1.4_trn.jsonl",)),
            File(
                "dev.jsonl", EVAL, JSON_LINES, 1954, (*_SOCIAL, "correct"), also=("socialIQa_v1.4_dev.jsonl",),
                sha256="cba3ebde73c53f12cbdf5e05788ea95e6e6e3918466f7184e3afc324a07cc692",
            ),
            File(
                "test.jsonl", TEST, JSON_LINES, 2224, (*_SOCIAL, "correct"), also=("socialIQa_v1.4_tst.jsonl",),
                sha256="5d6df7ddccee7f3049380cbdfe7af7dcd25e43d7781de9c4378f83ce50c44161",
            ),
        ),
        "https://leaderboard.allenai.org/socialiqa",
        "Sap et al. 2019, https://arxiv.org/abs/1904.09728, version 1.4",
        (_CHOICE, "--train_file={dir}/train.jsonl", "--eval_file={dir}/dev.jsonl", "--test_file={dir}/test.jsonl"),
        raw=(
            File("train.jsonl", TRAIN, JSON_LINES, 33_410, _SOCIAL),
            File("train-labels.lst", HELP, TABLE, 33_410, cells=1, mark=r"^[123]\r?\n"),
            File("dev.jsonl", EVAL, JSON_LINES, 1954, _SOCIAL),
            File("dev-labels.lst", HELP, TABLE, 1954, cells=1, mark=r"^[123]\r?\n"),
        ),
        note="of the leaderboard's files, whose labels lie beside them (train-labels.lst), files with both are made",
    ),
    Dataset(
        "SWAG",
        "how a scene goes on; one of four endings",
        (
            File("train.csv", TRAIN, CSV, 73_546, ("sent1", "sent2", "ending0", "ending3", "label")),
            File("val.csv", EVAL, CSV, 20_006, ("sent1", "sent2", "ending0", "ending3", "label")),
            File("test.csv", TEST, CSV, 20_005, ("sent1", "sent2", "ending0", "ending3"), labelled=False),
        ),
        "https://github.com/rowanz/swagaf",
        "Zellers et al. 2018, https://arxiv.org/abs/1808.05326, and the Hugging Face data set allenai/swag",
        (_CHOICE, "--train_file={dir}/train.csv", "--eval_file={dir}/val.csv", "--test_file={dir}/test.csv"),
        80,
    ),
    Dataset(
        "RACE",
        "questions of English exams in Chinese schools; one of four answers",
        tuple(
            File(f"{split}/{level}", role, ARTICLES, rows, ("article", "questions", "options", "answers"))
            for split, role, level, rows in (
                ("train", TRAIN, "high", 62_445),
                ("train", TRAIN, "middle", 25_421),
                ("dev", EVAL, "high", 3451),
                ("dev", EVAL, "middle", 1436),
                ("test", TEST, "high", 3498),
                ("test", TEST, "middle", 1436),
            )
        ),
        "https://www.cs.cmu.edu/~glai1/data/race/",
        "Lai et al. 2017, https://arxiv.org/abs/1704.04683",
        (_CHOICE, "--train_file={dir}/train", "--eval_file={dir}/dev", "--test_file={dir}/test"),
        512,
        note="the archive has to be asked for by a form",
    ),
)  # fmt: skip
