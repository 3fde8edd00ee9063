"""Other languages than English: XNLI and CLUE."""

from bert_tf2.jobs.datasets.dataset import EVAL, JSON_LINES, TABLE, TEST, TRAIN, Dataset, File

CLUE_SIZES = "https://github.com/CLUEbenchmark/CLUE"

_XNLI_LANGUAGES = ("ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")
XNLI = Dataset(
    "XNLI",
    "whether one sentence follows from another, in 15 languages",
    (
        *(
            File(f"multinli/multinli.train.{language}.tsv", TRAIN, TABLE, 392_702, ("premise", "hypo", "label"))
            for language in _XNLI_LANGUAGES
        ),
        File("xnli.dev.tsv", EVAL, TABLE, 37_350, ("language", "gold_label", "sentence1", "sentence2")),
        File("xnli.test.tsv", TEST, TABLE, 75_150, ("language", "gold_label", "sentence1", "sentence2")),
    ),
    "https://github.com/facebookresearch/XNLI",
    "Conneau et al. 2018, https://arxiv.org/abs/1809.05053: 2,490 and 5,010 pairs in each of 15 languages",
    ("--classification_task_name=XNLI", "--xnli_language={language}", "--input_data_dir={dir}"),
    spread=True,
    note="XNLI-1.0.zip has the evaluation and test data, XNLI-MT-1.0.zip the training data; give both to --source",
    test_records="test_{}.tf_record",
)


def _clue(
    name: str,
    title: str,
    rows: tuple[int | tuple[int, int], int | tuple[int, int], int],
    columns: tuple[str, ...],
    label: str,
    mark: str,
    flags: tuple[str, ...] = (),
    train: str = "train.json",
    **more: int,
) -> Dataset:
    """A data set of CLUE: objects on lines, whatever the names say."""
    texts = ("--text_column=" + columns[0], *(f"--text_b_column={column}" for column in columns[1:]))
    files = ("--train_file={dir}/" + train, "--eval_file={dir}/dev.json", "--test_file={dir}/test.json")
    facts: dict = more
    return Dataset(
        name,
        title,
        (
            File(train, TRAIN, JSON_LINES, rows[0], (*columns, label), mark=mark),
            File("dev.json", EVAL, JSON_LINES, rows[1], (*columns, label), mark=mark),
            File("test.json", TEST, JSON_LINES, rows[2], columns, labelled=False),
        ),
        "https://github.com/CLUEbenchmark/CLUE",
        CLUE_SIZES,
        (*files, *texts, f"--label_column={label}", *flags),
        **facts,
    )


# Rows on which the annotators did not agree have the label "-", which is none.
_AGREED = ("--labels=contradiction,entailment,neutral", "--on_bad_row=skip")
_PAIR = ("sentence1", "sentence2")
CLUE = (
    _clue(
        "AFQMC", "whether two Chinese questions ask the same (CLUE)", (34_334, 4316, 3861), _PAIR, "label", r'"label": ?"[01]"'
    ),
    _clue(
        "TNEWS",
        "the subject of Chinese news, by the title (CLUE)",
        (53_360, 10_000, 10_000),
        ("sentence",),
        "label_desc",
        '"news_',
    ),
    _clue(
        "IFLYTEK",
        "the kind of an app, by its description in Chinese (CLUE)",
        (12_133, 2599, 2600),
        ("sentence",),
        "label_des",
        '"label_des"',
        max_seq_length=512,
    ),
    _clue(
        "CMNLI",
        "whether one Chinese sentence follows from another, translated (CLUE)",
        ((391_782, 391_783), (12_241, 12_426), 13_880),
        _PAIR,
        "label",
        '"(neutral|entailment|contradiction)"',
        _AGREED,
    ),
    _clue(
        "OCNLI",
        "whether one Chinese sentence follows from another (CLUE)",
        ((50_437, 50_486), (2950, 3000), 3000),
        _PAIR,
        "label",
        '"prem_id"',
        _AGREED,
        "train.50k.json",
    ),
)
