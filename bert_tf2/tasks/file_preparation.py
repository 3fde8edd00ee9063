"""A preparation of own files for kinds that say no more than what is in a record: the rest is done for them."""

import dataclasses
import os
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from bert_tf2 import files
from bert_tf2.data.examples import pack_pair
from bert_tf2.data.records.wire_format import Values
from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.data.sources.named_rows import named_rows
from bert_tf2.tasks.preparation import Preparation, Read, Split, left_out
from bert_tf2.tasks.statistics import SplitStatistics, overlap_warning


@dataclasses.dataclass(frozen=True)
class Record:
    """What is written of an example.

    Attributes:
      values: by the names of `Preparation.features`.
      cut: something did not fit and was left out.
      text: tells whether two examples are the same one; None is never compared.
    """

    values: Mapping[str, Values]
    cut: bool = False
    text: Hashable = None


class FilePreparation(Preparation):
    """Records of `--train_file`, `--eval_file` and `--test_file`. A subclass gives `features`, `metrics` and `record`.

        class Tones(FilePreparation):
            features = [*TOKEN_FEATURES, FeatureSpec("tone", "float32")]
            metrics = ("mean_error",)

            def record(self, example, split):
                values, cut = self.texts(example["text"])
                return Record(values | {"tone": float(example["tone"])}, cut, example["text"])

    Args:
      options: of data preparation.
      tokenizer: a `bert_tf2.text.tokenizer.Tokenizer`.

    Attributes:
      metrics: what the task reports; the first is the best one's.
      default_length: `max_seq_length` where the options do not say it.

    Raises:
      UserError: a file is not there.
    """

    metrics: tuple[str, ...] = ()
    default_length: int = 128

    def __init__(self, options: Any, tokenizer: Any):
        self.options, self.tokenizer = options, tokenizer
        self.max_seq_length = options.max_seq_length or self.default_length
        given = {split: getattr(options, f"{split}_file") for split in ("train", "eval", "test")}
        self._paths = {split: self.paths(value, f"{split}_file") for split, value in given.items() if value}
        first = next(iter(self._paths.values()))[0]
        self.name = self.name or os.path.splitext(os.path.basename(first))[0]

    def paths(self, value: str, flag: str) -> list[str]:
        """The files that a flag names: comma-separated paths and globs."""
        return files.matching_files(value, flag)

    def read(self, path: str, bad_rows: BadRows) -> Iterable[tuple[str, Any]]:
        """The examples of a file, each with its place `file:line`; here the rows of a table, JSON or Parquet as dictionaries.

        Raises:
          UserError: the file cannot be used; or as `BadRows.report`.
        """
        return named_rows(path, bad_rows.report)

    def record(self, example: Any, split: Split) -> Record | str:
        """What is written of an example; a text says why it cannot be used."""
        raise NotImplementedError

    def has_labels(self, split: Split) -> bool:
        """Whether the records of a split that was read hold real labels, not placeholders."""
        return not split.is_test

    def texts(self, text_a: str, text_b: str | None = None) -> tuple[dict[str, Values], bool]:
        """The three features of a text, or of a pair, and whether it was cut, as `bert_tf2.data.examples.pack_ids` does."""
        encode = self.tokenizer.encode
        second = None if text_b is None else encode(text_b)
        ids, segments, cut = pack_pair(encode(text_a), second, self.tokenizer.template, self.max_seq_length)
        return {"input_ids": ids, "input_mask": [1] * len(ids), "segment_ids": segments}, cut

    def splits(self, wanted: Mapping[str, str]) -> dict[str, Read]:
        """Those whose files are given."""

        def reader(paths: Sequence[str]) -> Read:
            def read(bad_rows: BadRows) -> Iterator[tuple[str, Any]]:
                for path in paths:
                    yield from self.read(path, bad_rows)

            return read

        return {split: reader(paths) for split, paths in self._paths.items() if split in wanted}

    def begin(self, split: Split) -> None:
        """Lengths, cuts and texts are counted."""
        split.statistics = SplitStatistics(self.max_seq_length)

    def encode(self, examples: Sequence[tuple[str, Any]], split: Split) -> list[bytes]:
        """The records of `record`."""
        records = []
        for where, example in examples:
            record = self.record(example, split)
            if isinstance(record, str):
                split.bad_rows.report(where, record, example)
                continue
            records.append(split.encoder.encode(record.values))
            inputs: Any = record.values["input_ids"]
            # Of choices, each is an input.
            inputs = inputs if len(inputs) and hasattr(inputs[0], "__len__") else [inputs]
            split.statistics.add(max(map(len, inputs)), record.cut, record.text)
            split.statistics.unknown_tokens += sum(list(ids).count(self.tokenizer.unk_id) for ids in inputs)
        return records

    def facts(self, splits: Sequence[Split]) -> dict[str, Any]:
        """Metrics, and what was counted."""
        tests = [self.has_labels(split) for split in splits if split.is_test]
        return {
            "metrics": self.metrics,
            "best_metric": next(iter(self.metrics), None),
            "truncated_fraction": {split.name: round(split.statistics.truncated_fraction, 6) for split in splits},
            **({"test_has_labels": all(tests)} if tests else {}),
        }

    def warnings(self, splits: Sequence[Split]) -> list[str]:
        """Texts that occur twice, unknown tokens, rows that were left out."""
        found = [warning for split in splits for warning in (*split.statistics.warnings(split.name), *left_out(split))]
        train = [split.statistics for split in splits if split.name == "train"]
        for split in splits:
            if train and split.name != "train":
                found += overlap_warning(split.name, split.statistics, train[0])
        return found

    def summary(self, split: Split) -> list[str]:
        """Lengths and cuts."""
        return [split.statistics.summary(split.name)]
