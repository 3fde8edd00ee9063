"""The published data sets as rows of one table: files, sizes, where they are to be had, and the command that goes on with them.

Sizes are those that the authors publish (`sizes_from`). SHA-256 digests of files are of copies with these sizes, without a
byte-order mark and with line feeds at the ends of lines. Addresses, sizes in bytes and digests of downloads are those by which
TensorFlow Datasets 4.9 checks its own (its `checksums.tsv`).
"""

import dataclasses

TABLE, CSV, JSON_LINES, SQUAD, CONLL, ARTICLES = "table", "csv", "jsonl", "squad", "conll", "articles"
"""Forms of files: tab-separated rows, comma-separated ones, an object on each line, SQuAD's JSON, CoNLL's columns, and RACE's
folders of articles."""
TRAIN, EVAL, TEST, HELP = "train", "eval", "test", "help"
"""What a file is for; `HELP` is needed to make others."""


@dataclasses.dataclass(frozen=True)
class File:
    """A file of a data set.

    Attributes:
      name: where it is put, below the data set's folder; of `ARTICLES` a folder.
      role: what it is for.
      form: what stands in it.
      rows: how many rows, sentences or questions it has: a number, or the least and the most that published copies have.
      columns: names that its header, or each of its objects, has.
      cells: columns of a table without a header; 0 where there is one.
      mark: a regular expression that its beginning holds.
      also: other names that it is published under.
      version: what SQuAD's JSON says of its version.
      labelled: whether the rows have labels.
      sha256: of its bytes; empty where that is not known.
    """

    name: str
    role: str
    form: str
    rows: int | tuple[int, int]
    columns: tuple[str, ...] = ()
    cells: int = 0
    mark: str = ""
    also: tuple[str, ...] = ()
    version: str = ""
    labelled: bool = True
    sha256: str = ""

    @property
    def least_and_most(self) -> tuple[int, int]:
        """The fewest and the most rows of a published copy."""
        return (self.rows, self.rows) if isinstance(self.rows, int) else self.rows


@dataclasses.dataclass(frozen=True)
class Download:
    """Something to be fetched: its address, its size in bytes and its SHA-256."""

    address: str
    size: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A data set.

    Attributes:
      name: as in `--dataset`, and of its folder.
      title: what it is.
      files: as the commands read them.
      home: where it is described and to be had.
      sizes_from: who says how many rows there are.
      flags: of `create_finetuning_data.py`; `{dir}` is the folder, and a flag that names a file is given where that is there.
      max_seq_length: usual for it.
      raw: the files that `files` can be made of, as `bert_tf2.jobs.datasets.making` does it.
      spread: its files come from several archives; otherwise they lie in one folder.
      needs: what it cannot do without.
      editions: others of the same name, by the least and the most rows of their training file.
      note: what people should know.
      downloads: what it can be made of.
      test_records: name of the records that are predicted; `{}` stands for the language.
    """

    name: str
    title: str
    files: tuple[File, ...]
    home: str
    sizes_from: str
    flags: tuple[str, ...]
    max_seq_length: int = 128
    raw: tuple[File, ...] = ()
    spread: bool = False
    needs: tuple[str, ...] = (TRAIN, EVAL)
    editions: dict[str, tuple[int, int]] = dataclasses.field(default_factory=dict)
    note: str = ""
    downloads: tuple[Download, ...] = ()
    test_records: str = "test.tf_record"


_GLUE_HOME = "https://gluebenchmark.com/tasks"
_GLUE_SIZES = "Wang et al. 2018, https://arxiv.org/abs/1804.07461, and the Hugging Face data set nyu-mll/glue"
_CLUE_SIZES = "https://github.com/CLUEbenchmark/CLUE"
_FACEBOOK = "https://dl.fbaipublicfiles.com/"
_SQUAD_SITE = "https://rajpurkar.github.io/SQuAD-explorer/"
_BINARY = r"[\t][01]\r?\n"
_NLI = "\t(not_)?entailment\r?\n"


def _glue(name: str, title: str, files: tuple[File, ...], size: int, sha256: str, archive: str = "", **more: object) -> Dataset:
    flags = (f"--classification_task_name={name}", "--input_data_dir={dir}")
    downloads = (Download(f"{_FACEBOOK}glue/data/{archive or name}.zip", size, sha256),) if size else ()
    facts: dict = {"home": _GLUE_HOME, "sizes_from": _GLUE_SIZES, "flags": flags, "downloads": downloads}
    return Dataset(name, title, files, **facts | more)


def _three(
    rows: tuple[int | tuple[int, int], int, int],
    columns: tuple[str, ...],
    label: str,
    mark: str = "",
    sha256: tuple[str, str, str] = ("", "", ""),
) -> tuple[File, ...]:
    """The usual files of a GLUE task."""
    labelled = (*columns, label)
    return (
        File("train.tsv", TRAIN, TABLE, rows[0], labelled, mark=mark, sha256=sha256[0]),
        File("dev.tsv", EVAL, TABLE, rows[1], labelled, mark=mark, sha256=sha256[1]),
        File("test.tsv", TEST, TABLE, rows[2], columns, labelled=False, sha256=sha256[2]),
    )


def _nli(name: str, role: str, rows: int, labelled: bool = True) -> File:
    columns = ("sentence1", "sentence2", *(["gold_label"] if labelled else []))
    return File(name, role, TABLE, rows, columns, labelled=labelled)


_MSR = ("#1 ID", "#2 ID", "#1 String", "#2 String")
_GLUE = (
    _glue(
        "CoLA",
        "whether an English sentence is acceptable (GLUE)",
        (
            File(
                "train.tsv", TRAIN, TABLE, 8551, cells=4, mark=r"^\S+\t[01]\t",
                sha256="cb368ebeb9f27d7ad03720d27ddc95687a311bdb100781a2fe59a5f5b1bc0624",
            ),
            File(
                "dev.tsv", EVAL, TABLE, 1043, cells=4, mark=r"^\S+\t[01]\t",
                sha256="8c013e21dc39957cac37378d87bebe225b694a0d5fe13eded66c2856628833fd",
            ),
            File(
                "test.tsv", TEST, TABLE, 1063, ("sentence",), labelled=False,
                sha256="3b4df85f7a9a0633574b38d181e18090ac961a24b18fb6bcd74999ddea8ad0b8",
            ),
        ),
        376971,
        "f212fcd832b8f7b435fb991f101abf89f96b933ab400603bf198960dfc32cbff",
    ),
    _glue(
        "SST-2",
        "whether a phrase of a film review is positive (GLUE)",
        _three(
            (67349, 872, 1821),
            ("sentence",),
            "label",
            _BINARY,
            (
                "48eac26399f8456935f81dd9e3a745c1430adb6c62e233ccfe22db4a0d15d1d1",
                "54a9c12c77e402fc14d6a66a506f24d999f596b0176eb777c972cccc2f9cc4b0",
                "69a938605609b3e6663b4487918fe1565eb293734e6e520d0366d1d412fd2a13",
            ),
        ),
        7439277,
        "d67e16fb55739c1b32cdce9877596db1c127dc322d93c082281f64057c16deaa",
    ),
    _glue(
        "MRPC",
        "whether two sentences of news say the same (GLUE)",
        _three(
            (3668, 408, 1725),
            _MSR,
            "Quality",
            sha256=(
                "15d9c71e62d662b1cc9237e2015047cad4c1f62552d49858a9bce2b944d79897",
                "320459df9454dbdc8eea69ad1eb294967e7dfe03e7cf791f37d954a316f5253d",
                "aee460ceda833926b8ab2ad952d399f5cf8bc9335cff19afcac03dc449558622",
            ),
        ),
        0,
        "",
        raw=(
            File("msr_paraphrase_train.txt", TRAIN, TABLE, 4076, (*_MSR, "Quality")),
            File("mrpc_dev_ids.tsv", EVAL, TABLE, 408, cells=2, mark=r"^\d+\t\d+\r?\n", also=("dev_ids.tsv",)),
            File("msr_paraphrase_test.txt", TEST, TABLE, 1725, (*_MSR, "Quality")),
        ),
        note="train.tsv, dev.tsv and test.tsv are made of msr_paraphrase_train.txt, msr_paraphrase_test.txt and mrpc_dev_ids.tsv",
        downloads=(
            Download(
                f"{_FACEBOOK}senteval/senteval_data/msr_paraphrase_train.txt",
                1047044,
                "60a9b09084528f0673eedee2b69cb941920f0b8cd0eeccefc464a98768457f89",
            ),
            Download(
                f"{_FACEBOOK}senteval/senteval_data/msr_paraphrase_test.txt",
                441275,
                "a04e271090879aaba6423d65b94950c089298587d9c084bf9cd7439bd785f784",
            ),
            Download(
                "https://firebasestorage.googleapis.com/v0/b/mtl-sentence-representations.appspot.com/o/"
                "data%2Fmrpc_dev_ids.tsv?alt=media&token=ec5c0836-31d5-48f4-b431-7480817f1adc",
                6222,
                "971d7767d81b997fd9060ade0ec23c4fc31cbb226a55d1bd4a1bac474eb81dc7",
            ),
        ),
    ),
    _glue(
        "QQP",
        "whether two questions of Quora ask the same (GLUE)",
        # A few rows of train.tsv lack columns in QQP.zip; the commands leave them out and count them.
        _three(((363_846, 363_871), 40_430, 390_965), ("question1", "question2"), "is_duplicate"),
        41696084,
        "40e7c862c04eb26ee04b67fd900e76c45c6ba8e6d8fab4f8f1f8072a1a3fbae0",
        editions={
            "the split of Wang et al. 2017 (https://arxiv.org/abs/1702.03814), of 384,348 rows": (384_000, 384_999),
            "Quora's whole release, which has no splits": (404_000, 404_999),
        },
        note="GLUE's files have a header with question1, question2, is_duplicate; older splits of Quora's pairs are other data",
    ),
    _glue(
        "STS-B",
        "how alike two sentences are, from 0 to 5 (GLUE)",
        _three(
            (5749, 1500, 1379),
            ("sentence1", "sentence2"),
            "score",
            sha256=(
                "41c4d978b6162abdcada7e49a982211954cca5459c228db478af333124b257a2",
                "fe7dc0632a5033562f3cadff991f6e8d9b9b6311861660e78c3c82eb7db67f59",
                "16b4223d7d44a644fbc10f1b449472cfe81e1715fb07cf44023b0aa88ce856eb",
            ),
        ),
        802872,
        "e60a6393de5a8b5b9bac5020a1554b54e3691f9d600b775bd131e613ac179c85",
    ),
    _glue(
        "MNLI",
        "whether one sentence follows from another, in ten genres (GLUE)",
        (
            _nli("train.tsv", TRAIN, 392_702),
            _nli("dev_matched.tsv", EVAL, 9815),
            _nli("dev_mismatched.tsv", EVAL, 9832),
            _nli("test_matched.tsv", TEST, 9796, labelled=False),
            _nli("test_mismatched.tsv", TEST, 9847, labelled=False),
        ),
        312783507,
        "e7c1d896d26ed6caf700110645df426cc2d8ebf02a5ab743d5a5c68ac1c83633",
    ),
    _glue(
        "QNLI",
        "whether a sentence answers a question (GLUE)",
        _three((104_743, 5463, 5463), ("question", "sentence"), "label", _NLI),
        10627589,
        "e634e78627a29adaecd4f955359b22bf5e70f2cbd93b493f2d624138a0c0e5f5",
        "QNLIv2",
        editions={"version 1, which GLUE withdrew in January 2019": (108_000, 108_999)},
        note="the benchmark's is version 2 (QNLIv2.zip); scores on version 1 cannot be compared",
    ),
    _glue(
        "RTE",
        "whether one sentence follows from another (GLUE)",
        _three((2490, 277, 3000), ("sentence1", "sentence2"), "label", _NLI),
        697150,
        "6bf86de103ecd335f3441bd43574d23fef87ecc695977a63b82d5efb206556ee",
    ),
    _glue(
        "WNLI",
        "whether a pronoun stands for what it is replaced by (GLUE)",
        _three((635, 71, 146), ("sentence1", "sentence2"), "label", _BINARY),
        28999,
        "ae0e8e4d16f4d46d4a0a566ec7ecceccfd3fbfaa4a7a4b4e02848c0f2561ac46",
    ),
    _glue(
        "AX",
        "GLUE's diagnostic sentences, for the predictions of a model trained on MNLI",
        (
            File(
                "AX.tsv", TEST, TABLE, 1104, ("sentence1", "sentence2"), labelled=False,
                also=("ax.tsv", "diagnostic.tsv", "tsvsWithoutLabels_AX.tsv"),
            ),
        ),
        0,
        "",
        home="https://gluebenchmark.com/diagnostics",
        needs=(TEST,),
    ),
)  # fmt: skip


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


_SQUADS = (
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
        _CLUE_SIZES,
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
        _CLUE_SIZES,
        ("--fine_tuning_task_type=squad", "--squad_data_file={dir}/DRCD_training.json"),
        384,
    ),
)  # fmt: skip

_XNLI_LANGUAGES = ("ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")
_XNLI = Dataset(
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
        _CLUE_SIZES,
        (*files, *texts, f"--label_column={label}", *flags),
        **facts,
    )


# Rows on which the annotators did not agree have the label "-", which is none.
_AGREED = ("--labels=contradiction,entailment,neutral", "--on_bad_row=skip")
_PAIR = ("sentence1", "sentence2")
_CLUE = (
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

_TAGGING = (
    "--fine_tuning_task_type=tagging",
    "--train_file={dir}/{train}",
    "--eval_file={dir}/{eval}",
    "--test_file={dir}/{test}",
)
_CONLL_ROW = r"(?m)^\S+ \S+ \S+ (O|[BI]-(PER|ORG|LOC|MISC))\r?$"
_TAGGED = (
    Dataset(
        "CoNLL-2003",
        "persons, places, organisations and others in English news",
        (
            File("eng.train", TRAIN, CONLL, 14_041, mark=_CONLL_ROW, also=("train.txt",)),
            File("eng.testa", EVAL, CONLL, 3250, mark=_CONLL_ROW, also=("valid.txt", "dev.txt", "testa.txt")),
            File("eng.testb", TEST, CONLL, 3453, mark=_CONLL_ROW, also=("test.txt", "testb.txt")),
        ),
        "https://www.clips.uantwerpen.be/conll2003/ner/",
        "Tjong Kim Sang and De Meulder 2003, https://aclanthology.org/W03-0419/, less the 946, 216 and 231 lines -DOCSTART-",
        _TAGGING,
        note="the texts are Reuters' and have to be asked for",
    ),
    Dataset(
        "WNUT17",
        "rare and emerging entities in English posts",
        (
            File(
                "wnut17train.conll", TRAIN, CONLL, 3394, mark=r"(?m)^\S+\t(O|[BI]-[a-z-]+)\r?$",
                sha256="731820e13f71af324c6b55a1575ec2ce59fbaa2a0806f8f0400b98d56cd6a7a5",
            ),
            File(
                "emerging.dev.conll", EVAL, CONLL, 1009, mark=r"(?m)^\S+\t(O|[BI]-[a-z-]+)\r?$",
                sha256="e053b752b8155113ca66e7db08af5f2f5f43ab993694e4774f1ec5bad42312d8",
            ),
            File(
                "emerging.test.annotated", TEST, CONLL, 1287, mark=r"(?m)^\S+\t(O|[BI]-[a-z-]+)\r?$",
                sha256="2aa79b764e56ec9264a1b30fdd9b70195bd00ff400b62edd8f399d5f13c178f0",
            ),
        ),
        "https://noisy-text.github.io/2017/emerging-rare-entities.html",
        "Derczynski et al. 2017, https://aclanthology.org/W17-4418/",
        _TAGGING,
    ),
)  # fmt: skip

_GO_EMOTIONS = Dataset(
    "GoEmotions",
    "28 emotions in English comments, any number for each",
    tuple(
        File(name, role, TABLE, rows, cells=3, mark=r"\t\d+(,\d+)*\t\w+\r?\n", sha256=sha256)
        for name, role, rows, sha256 in (
            ("train.tsv", TRAIN, 43_410, "1c254a142be5c00e80d819b9ae1bbd36d94b2eeb8f4b1271846508d57e57d9c5"),
            ("dev.tsv", EVAL, 5426, "575489c079c9de1097062a01738f998590d6b7ead66dd1c9fd1d2ba01fd8bc62"),
            ("test.tsv", TEST, 5427, "0587b2dd8b27b97352adbfc3fb083d46005c8946657fdc2b1ca8b1cc7f1f8be4"),
        )
    ),
    "https://github.com/google-research/google-research/tree/master/goemotions",
    "Demszky et al. 2020, https://arxiv.org/abs/2005.00547",
    (
        "--train_file={dir}/train.tsv",
        "--eval_file={dir}/dev.tsv",
        "--test_file={dir}/test.tsv",
        "--text_column=0",
        "--label_column=1",
        "--multi_label",
        "--label_separator=comma",
        "--labels=" + ",".join(map(str, range(28))),
    ),
    64,
    note="labels are the numbers of the lines of emotions.txt, from 0",
    downloads=tuple(
        Download(f"https://github.com/google-research/google-research/raw/master/goemotions/data/{name}", size, sha256)
        for name, size, sha256 in (
            ("train.tsv", 3519053, "1c254a142be5c00e80d819b9ae1bbd36d94b2eeb8f4b1271846508d57e57d9c5"),
            ("dev.tsv", 439059, "575489c079c9de1097062a01738f998590d6b7ead66dd1c9fd1d2ba01fd8bc62"),
            ("test.tsv", 436706, "0587b2dd8b27b97352adbfc3fb083d46005c8946657fdc2b1ca8b1cc7f1f8be4"),
        )
    ),
)

_CHOICE = "--fine_tuning_task_type=multiple_choice"
_SOCIAL = ("context", "question", "answerA", "answerB", "answerC")
_CHOICES = (
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

DATASETS: tuple[Dataset, ...] = (*_GLUE, *_SQUADS, _XNLI, *_CLUE, *_TAGGED, _GO_EMOTIONS, *_CHOICES)
"""All that are known, in the order in which they are listed."""
