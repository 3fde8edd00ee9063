"""A processor's examples -> records of one label, a number, or any number of labels."""

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from bert_tf2.data.encoding import input_encoder
from bert_tf2.data.examples import InputExample
from bert_tf2.data.processors import DataProcessor, check_labels, checked
from bert_tf2.data.records import metadata
from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.errors import UserError
from bert_tf2.tasks.classification.features import Labels, classification_features
from bert_tf2.tasks.classification.long_texts.encoding import WindowEncoder, window_encoder
from bert_tf2.tasks.classification.long_texts.rule import MOST_WINDOWS, LongText
from bert_tf2.tasks.classification.reading.labels import why_no_sets, why_unlabelled
from bert_tf2.tasks.classification.split_encoding import SplitEncoder
from bert_tf2.tasks.classification.statistics import LabelSetStatistics, LabelStatistics, comparison_warnings
from bert_tf2.tasks.preparation import Preparation, Read, Split, left_out

_TASK_TYPES = {"class": metadata.CLASSIFICATION, "number": metadata.REGRESSION, "set": metadata.MULTI_LABEL}
_DEFAULT_METRICS = {"class": ("accuracy", "macro_f1"), "number": ("pearson", "spearman"), "set": ("micro_f1", "macro_f1")}


class ClassificationPreparation(Preparation):
    """Texts, or pairs of texts, with classes, numbers or sets of labels.

    Args:
      processor: gives the examples; what its `bad_rows` are told while labels are collected will be told again.
      data_dir: handed to the processor.
      tokenizer: a `bert_tf2.text.tokenizer.Tokenizer`.
      max_seq_length: the most tokens of an input.
      long_text: what happens to texts with more; None truncates them.

    Raises:
      UserError: fewer than two labels, or one twice; or windows that do not advance.
    """

    def __init__(
        self,
        processor: DataProcessor,
        data_dir: str | None,
        tokenizer: Any,
        max_seq_length: int = 128,
        long_text: LongText | None = None,
    ):
        self.processor, self.tokenizer, self.max_seq_length = processor, tokenizer, max_seq_length
        # A processor of one's own files is handed none.
        self.data_dir: Any = data_dir
        self.is_regression, self.weighted = processor.is_regression, bool(processor.weight_key)
        self.labels = [] if self.is_regression else check_labels(processor)
        self.form: Labels = "number" if self.is_regression else "set" if processor.is_multi_label else "class"
        self.task_type = _TASK_TYPES[self.form]
        self.name = processor.name()
        self.long_text = rule = long_text or LongText()
        rule.check(tokenizer.template, max_seq_length)
        self.features = classification_features(self.form, weighted=self.weighted, in_windows=rule.has_windows)
        self._encode = self._input_encoder()
        self._encoders: dict[str, SplitEncoder] = {}

    def _input_encoder(self) -> Callable:
        """What makes inputs of texts; see `SplitEncoder`."""
        if self.long_text.has_windows:
            return window_encoder(self.tokenizer, self.max_seq_length, self.long_text)
        return input_encoder(self.tokenizer, self.max_seq_length, self.long_text.head_share)

    @property
    def _split_encoder(self) -> type[SplitEncoder]:
        """What makes records of inputs."""
        return WindowEncoder if self.long_text.has_windows else SplitEncoder

    def _statistics(self) -> LabelStatistics:
        """What counts the examples of a split."""
        kind = LabelSetStatistics if self.form == "set" else LabelStatistics
        return kind(self.max_seq_length, self.labels, self.long_text)

    def splits(self, wanted: Mapping[str, str]) -> dict[str, Read]:
        """Those of the processor; test data of several languages are a split for each."""
        processor, data_dir = self.processor, self.data_dir
        methods = {"train": processor.get_train_examples, "eval": processor.get_dev_examples, "test": processor.get_test_examples}
        extra = processor.extra_splits(data_dir) if wanted else {}
        for name in extra:
            if not name.startswith(("eval_", "test_")):
                raise UserError(
                    f"{self.name}: extra_splits gives '{name}'; the name must begin with eval_ or test_, which says whether "
                    "it is evaluated or predicted"
                )
        found: dict[str, Read] = {}
        for name, method in methods.items():
            if name not in wanted:
                continue
            given = method(data_dir) if name == "test" else None
            if isinstance(given, dict):
                found |= self._by_language(given, wanted[name])
            else:
                again: Callable[[], Any] = functools.partial(method, data_dir)
                found[name] = self._read(name, again if given is None else _readable_again(given, again))
            found |= {further: self._read(further, read) for further, read in extra.items() if further.startswith(f"{name}_")}
        return found

    def _by_language(self, given: dict[str, Iterable[InputExample]], path: str) -> dict[str, Read]:
        if "{}" not in path:
            raise UserError(
                f"{self.name} has test data in {len(given)} languages, a file each: --test_data_output_path of "
                "create_finetuning_data.py must hold {} where the language goes, as in test_{}.tf_record, and "
                f"run_classifier.py --mode=predict takes them one by one; got {path}"
            )

        def again(language: str) -> Iterable[InputExample]:
            by_language: Any = self.processor.get_test_examples(self.data_dir)
            return by_language[language]

        return {
            f"test_{language}": self._read(f"test_{language}", _readable_again(examples, functools.partial(again, language)))
            for language, examples in given.items()
        }

    def _read(self, split: str, give: Callable[[], Iterable[InputExample]]) -> Read:
        def read(bad_rows: BadRows) -> Iterator[InputExample]:
            self.processor.bad_rows = bad_rows
            given = give()
            return self._told(
                iter(given if self.processor.examples_are_checked else checked(given, split, self.form == "set")), bad_rows
            )

        return read

    def _told(self, examples: Iterator[InputExample], bad_rows: BadRows) -> Iterator[InputExample]:
        """The examples, some read at once; another split may have been read in between, which bad rows are told otherwise."""
        while True:
            self.processor.bad_rows = bad_rows
            some = list(itertools.islice(examples, self.at_once))
            if not some:
                return
            yield from some

    def check(self, splits: Sequence[Split]) -> None:
        """Refuses training texts of which none has a label, where they may have any number."""
        for split in splits:
            counts = split.statistics
            if self.form == "set" and split.name == "train" and counts.rows and not any(counts.label_counts):
                raise UserError(
                    f"train: none of the {counts.rows:,} rows has a label; there is nothing to learn. Are they the right "
                    "columns (--label_column, or --label_columns of 0 and 1)?"
                )

    def begin(self, split: Split) -> None:
        """Of a split for prediction as many examples are read as tell whether it has labels."""
        split.statistics = counts = self._statistics()
        template = self.tokenizer.template
        counts.special_tokens = template.special_tokens, template.special_tokens_of_pair
        if split.is_test:
            # What is wrong with a row is told when it is written.
            examples, hidden = split.read(BadRows(skip=True)), self.processor.test_labels_may_be_placeholders
            if self.form == "set":
                counts.unlabelled = why_no_sets(examples, self.labels, self.processor.read_labels)
            else:
                counts.unlabelled = why_unlabelled(examples, self.labels, self.is_regression, hidden)

    def encode(self, examples: Sequence[InputExample], split: Split) -> list[bytes]:
        """See `SplitEncoder` and `WindowEncoder`."""
        encoder = self._encoders.get(split.name)
        if encoder is None:
            settings = self.tokenizer, self._encode, self.max_seq_length, self.form, self.weighted, self.processor.read_labels
            encoder = self._split_encoder(split, *settings)
            self._encoders[split.name] = encoder
        return encoder(examples)

    def facts(self, splits: Sequence[Split]) -> dict[str, Any]:
        """Labels, metrics, and what the rows turned out to be."""
        metrics = tuple(self.processor.metrics or _DEFAULT_METRICS[self.form])
        tests = [split.statistics.labelled for split in splits if split.is_test]
        return {
            "num_labels": len(self.labels) or None,
            "label_type": "float" if self.is_regression else None,
            "has_sample_weights": self.weighted,
            "has_pairs": _has_pairs(splits),
            "label_list": tuple(self.labels),
            "metrics": metrics,
            "best_metric": metrics[0],
            "truncated_fraction": {split.name: round(split.statistics.truncated_fraction, 6) for split in splits},
            **({"test_has_labels": all(tests)} if tests else {}),
            **self.long_text.facts,
            **(
                {MOST_WINDOWS: max(split.statistics.windows.most for split in splits)}
                if self.long_text.has_windows and splits
                else {}
            ),
        }

    def warnings(self, splits: Sequence[Split]) -> list[str]:
        """Of each split, then of the splits beside each other."""
        found = list(dict.fromkeys(getattr(self.processor, "notices", [])))
        for split in splits:
            found += split.statistics.warnings(split.name) + left_out(split)
        return found + comparison_warnings({split.name: split.statistics for split in splits})

    def summary(self, split: Split) -> list[str]:
        """Lengths, and how often each label occurs."""
        counts = split.statistics
        lines = [counts.summary(split.name)]
        if not counts.labelled:
            lines.append("  no labels: to predict")
        elif counts.label_names:
            lines.append(f"  labels: {counts.histogram()}")
        return lines


def _readable_again(given: Any, again: Callable[[], Any]) -> Callable[[], Any]:
    """What gives the examples as often as it is called: a generator is asked for anew, one that cannot be is kept."""
    if not hasattr(given, "__next__"):
        return lambda: given
    if again() is not given:
        return again
    kept = list(given)
    return lambda: kept


def _has_pairs(splits: Sequence[Split]) -> bool | None:
    found = {split.statistics.has_pairs for split in splits if split.name == "train"}
    found = found or {split.statistics.has_pairs for split in splits}
    return found.pop() if len(found) == 1 else None
