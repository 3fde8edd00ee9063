"""GLUE: nine tasks and its diagnostic set."""

from bert_tf2.jobs.datasets.dataset import EVAL, TABLE, TEST, TRAIN, Dataset, Download, File

_GLUE_HOME = "https://gluebenchmark.com/tasks"
_GLUE_SIZES = "Wang et al. 2018, https://arxiv.org/abs/1804.07461, and the Hugging Face data set nyu-mll/glue"
_FACEBOOK = "https://dl.fbaipublicfiles.com/"
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
GLUE = (
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
