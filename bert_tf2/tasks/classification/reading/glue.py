"""The published data sets as rows of one table: files, columns, labels, metrics.

Column names and label orders are those of the published files and of the model garden's processors; text_a and text_b follow
google-research/bert (premise first). Benchmark: Wang et al. 2018, https://arxiv.org/abs/1804.07461
"""

import dataclasses
import os
from collections.abc import Iterator
from typing import Any

from bert_tf2.data.examples import InputExample
from bert_tf2.data.processors import DataProcessor, data_path, make, processors
from bert_tf2.errors import UserError
from bert_tf2.tasks.classification.reading.table import Dataset, Layout, TableProcessor


def _pairs(
    name: str, labels: tuple[str, ...], metrics: tuple[str, ...], first: str, second: str, label: str = "label"
) -> Dataset:
    """A data set of the usual files: two texts and, but for the test set, a label."""
    labelled = (first, second, label)
    return Dataset(
        name,
        labels,
        metrics,
        (Layout("train.tsv", *labelled),),
        (Layout("dev.tsv", *labelled),),
        (Layout("test.tsv", first, second),),
    )


# The published training file of QQP has some among 364,000; a copy with more than this is damaged.
_SHORT_ROWS = 100
_BINARY = ("0", "1")
_NLI = ("contradiction", "entailment", "neutral")
_ACCURACY = ("accuracy",)
_F1 = ("accuracy", "f1")
_SENTENCES = ("sentence1", "sentence2")
_NLI_ROW = (*_SENTENCES, "gold_label")
_MSR = ("#1 String", "#2 String", "Quality")
_MSR_ORIGINAL: dict[str, Any] = {"id_file": "mrpc_dev_ids.tsv", "ids": ("#1 ID", "#2 ID")}
_PAWS_ROW = (*_SENTENCES, "label")
_COLA: dict[str, Any] = {"text_a": "sentence", "label": "label", "columns": ("source", "label", "star", "sentence")}


def _mnli(name: str, dev: str, test: str, extra: dict[str, Layout]) -> Dataset:
    train = (Layout("train.tsv", *_NLI_ROW),)
    return Dataset(name, _NLI, _ACCURACY, train, (Layout(dev, *_NLI_ROW),), (Layout(test, *_SENTENCES),), extra)


_MNLI_MATCHED = _mnli(
    "MNLI",
    "dev_matched.tsv",
    "test_matched.tsv",
    {
        "eval_mismatched": Layout("dev_mismatched.tsv", *_NLI_ROW),
        "test_mismatched": Layout("test_mismatched.tsv", *_SENTENCES),
    },
)
MNLI = {"matched": _MNLI_MATCHED, "mismatched": _mnli("MNLI", "dev_mismatched.tsv", "test_mismatched.tsv", {})}

TABLE: tuple[Dataset, ...] = (
    Dataset(
        "CoLA",
        _BINARY,
        ("matthews_corrcoef", "accuracy"),
        (Layout("train.tsv", **_COLA),),
        (Layout("dev.tsv", **_COLA),),
        # A copy of the development set is often put in the place of the test set.
        (Layout("test.tsv", "sentence"), Layout("test.tsv", **_COLA)),
    ),
    Dataset(
        "SST-2",
        _BINARY,
        _ACCURACY,
        (Layout("train.tsv", "sentence", None, "label"),),
        (Layout("dev.tsv", "sentence", None, "label"),),
        (Layout("test.tsv", "sentence"),),
    ),
    Dataset(
        "MRPC",
        _BINARY,
        _F1,
        (Layout("train.tsv", *_MSR), Layout("msr_paraphrase_train.txt", *_MSR, **_MSR_ORIGINAL)),
        (Layout("dev.tsv", *_MSR), Layout("msr_paraphrase_train.txt", *_MSR, **_MSR_ORIGINAL, in_id_file=True)),
        (Layout("test.tsv", *_MSR[:2]), Layout("msr_paraphrase_test.txt", *_MSR)),
    ),
    dataclasses.replace(_pairs("QQP", _BINARY, _F1, "question1", "question2", "is_duplicate"), short_rows=_SHORT_ROWS),
    _pairs("STS-B", (), ("pearson", "spearman"), "sentence1", "sentence2", "score"),
    _MNLI_MATCHED,
    _pairs("QNLI", ("entailment", "not_entailment"), _ACCURACY, "question", "sentence"),
    _pairs("RTE", ("entailment", "not_entailment"), _ACCURACY, "sentence1", "sentence2"),
    _pairs("WNLI", _BINARY, _ACCURACY, "sentence1", "sentence2"),
    Dataset(
        "AX",
        _NLI,
        ("matthews_corrcoef", "accuracy"),
        (Layout("train.tsv", *_NLI_ROW), Layout("../MNLI/train.tsv", *_NLI_ROW)),
        (Layout("dev_matched.tsv", *_NLI_ROW), Layout("../MNLI/dev_matched.tsv", *_NLI_ROW)),
        tuple(Layout(f"{name}.tsv", *_SENTENCES) for name in ("AX", "ax", "diagnostic", "test")),
    ),
    Dataset(
        "SNLI",
        _NLI,
        _ACCURACY,
        (Layout("snli_1.0_train.txt", *_NLI_ROW), Layout("train.tsv", *_NLI_ROW)),
        (Layout("snli_1.0_dev.txt", *_NLI_ROW), Layout("dev.tsv", *_NLI_ROW)),
        (Layout("snli_1.0_test.txt", *_NLI_ROW), Layout("test.tsv", *_NLI_ROW)),
        unlabelled="-",
    ),
    Dataset(
        "XNLI",
        _NLI,
        _ACCURACY,
        (Layout("multinli/multinli.train.{language}.tsv", "premise", "hypo", "label"),),
        (Layout("xnli.dev.tsv", *_NLI_ROW, language="language"),),
        (Layout("xnli.test.tsv", *_NLI_ROW, language="language"),),
        renamed_labels={"contradictory": "contradiction"},
        languages=("ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh"),
    ),
    Dataset(
        "PAWS-X",
        _BINARY,
        _ACCURACY,
        (Layout("{language}/train.tsv", *_PAWS_ROW), Layout("{language}/translated_train.tsv", *_PAWS_ROW)),
        (Layout("{language}/dev_2k.tsv", *_PAWS_ROW),),
        (Layout("{language}/test_2k.tsv", *_PAWS_ROW),),
        languages=("de", "en", "es", "fr", "ja", "ko", "zh"),
    ),
)


class ImdbProcessor(DataProcessor):
    """IMDB reviews (Maas et al. 2011): `{train,test}/{neg,pos}/*.txt`; the test directory serves for evaluation."""

    metrics = _ACCURACY

    @staticmethod
    def get_processor_name() -> str:
        return "IMDB"

    def get_labels(self) -> list[str]:
        return ["neg", "pos"]

    def get_train_examples(self, data_dir: str) -> Iterator[InputExample]:
        return self._examples(data_dir, "train")

    def get_dev_examples(self, data_dir: str) -> Iterator[InputExample]:
        return self._examples(data_dir, "test")

    def _examples(self, data_dir: str, split: str) -> Iterator[InputExample]:
        for label in self.get_labels():
            directory = data_path(data_dir, split, label)
            if not os.path.isdir(directory):
                raise UserError(f"no such directory: {directory}; IMDB is expected as {split}/neg/*.txt and {split}/pos/*.txt")
            for name in sorted(name for name in os.listdir(directory) if name.endswith(".txt")):
                path = os.path.join(directory, name)
                try:
                    with open(path, encoding="utf-8-sig") as file:
                        text = file.read().strip().replace("<br />", " ")
                except UnicodeDecodeError as error:
                    raise UserError(f"{path}: byte {error.start + 1} is not UTF-8; save the file as UTF-8") from None
                yield InputExample(f"{split}-{label}-{name}", text, None, label, origin=(path, 1))


# ALBERT's and XLNet's own scripts name the evaluation data in the task.
_NAMES_OF_MNLI = {"mnli_matched": "matched", "mismnli": "mismatched", "mnli_mismatched": "mismatched"}

NOT_HERE = ("XTREME-XNLI", "XTREME-PAWS-X", "AX-g", "SUPERGLUE-RTE", "CB", "BoolQ", "WIC")
"""Tasks of the model garden that this version does not read."""


def create_processor(
    name: str,
    *,
    mnli_type: str = "matched",
    xnli_language: str = "en",
    pawsx_language: str = "en",
    only_language: bool = False,
) -> DataProcessor:
    """The processor of a task by name: a data set of the table or one that was registered.

    Args:
      name: of the task; `mismnli`, as ALBERT's script has it, is MNLI of the mismatched type.
      mnli_type: `matched` or `mismatched`.
      xnli_language, pawsx_language: language of the training data, or `all`.
      only_language: evaluate and predict that language alone.

    Raises:
      UserError: an unknown task or language.
    """
    if name.lower() in _NAMES_OF_MNLI:
        name, mnli_type = "MNLI", _NAMES_OF_MNLI[name.lower()]
    if name.lower() in (other.lower() for other in NOT_HERE):
        raise UserError(
            f"the task '{name}' of the model garden is not in this version; bring its files with "
            "create_finetuning_data.py --train_file and --text_column, or a processor with --module_import=path/to/file.py"
        )
    found = processors.get(name)
    if not isinstance(found, Dataset):
        return make(found)
    if found.name == "MNLI":
        found = MNLI[mnli_type]
    return TableProcessor(found, {"XNLI": xnli_language, "PAWS-X": pawsx_language}.get(found.name, "en"), only_language)


PUBLISHED = ("IMDB", *(dataset.name for dataset in TABLE))
"""The names of the tasks that are read from their published files."""

for _dataset in TABLE:
    processors.register(_dataset.name)(_dataset)
processors.register("IMDB")(ImdbProcessor)
