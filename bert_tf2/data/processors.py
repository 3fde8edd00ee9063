"""Data processors: how a data set's files become examples. The classic interface, for your own data sets.

    from bert_tf2.data.processors import DataProcessor, InputExample, register_processor

    @register_processor("products")
    class ProductProcessor(DataProcessor):
        def get_train_examples(self, data_dir):
            return self.examples(data_dir, "train")

        def get_dev_examples(self, data_dir):
            return self.examples(data_dir, "dev")

        def get_labels(self):
            return ["fashion", "houseliving", "game"]

        def examples(self, data_dir, split):
            rows = self._read_tsv(os.path.join(data_dir, split + ".tsv"))
            return [InputExample(f"{split}-{i}", text, None, label) for i, (label, text) in enumerate(rows)]

A command takes it with `--module_import=path/to/this/file.py`.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from bert_tf2 import files
from bert_tf2.data.examples import InputExample
from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.data.sources.text_files import read_jsonl, read_tsv
from bert_tf2.errors import UserError
from bert_tf2.registry import Registry

__all__ = ["DataProcessor", "InputExample", "check_processor", "processors", "register_processor"]


class DataProcessor:
    """A data set for classification or regression. Override the three `get_*_examples` and `get_labels`.

    Attributes (set them in the class or in `__init__`):
      is_regression: labels are numbers and `get_labels` is not asked.
      is_multi_label: an example has any number of labels: its `label` is a list of their names, which may be empty.
      label_type: `float` for regression; kept from the classic interface.
      weight_key: true when examples carry a `weight`.
      metrics: names of the metrics to report; None takes those of the kind of task.
      test_labels_may_be_placeholders: test rows that all have one class are taken as unlabelled, since the classic processors
        give them a placeholder. Labels that are no class are taken as none in any case, unless others in the split are classes.
      examples_are_checked: the processor gives nothing but `InputExample`s with texts.
      bad_rows: what to do with rows that cannot be used; set by data preparation.
    """

    is_regression: bool = False
    is_multi_label: bool = False
    label_type: type | None = None
    weight_key: str | bool | None = None
    metrics: tuple[str, ...] | None = None
    test_labels_may_be_placeholders: bool = True
    examples_are_checked: bool = False
    process_text_fn: Callable[[Any], str] = str
    bad_rows: BadRows = BadRows()

    def __init__(self, process_text_fn: Callable[[Any], str] = str):
        self.process_text_fn = process_text_fn

    def get_train_examples(self, data_dir: str) -> Iterable[InputExample]:
        """The training examples: a list, or a generator so that they need not fit into memory."""
        raise UserError(f"{self.name()} has no training data (get_train_examples is not defined)")

    def get_dev_examples(self, data_dir: str) -> Iterable[InputExample]:
        """The examples for evaluation."""
        raise UserError(f"{self.name()} has no evaluation data (get_dev_examples is not defined)")

    def get_test_examples(self, data_dir: str) -> Iterable[InputExample] | Mapping[str, Iterable[InputExample]]:
        """The examples for prediction, or a dictionary of them by language; their labels may be None."""
        raise UserError(f"{self.name()} has no test data (get_test_examples is not defined)")

    def get_labels(self) -> list[str] | None:
        """The label names; a label's id is its place."""
        raise UserError(f"{self.name()} does not say its labels (get_labels is not defined)")

    def read_labels(self, label: Any) -> tuple[Sequence[str], str | None]:
        """With `is_multi_label`, the names that an example's `label` holds, and what is wrong with it or None."""
        if not isinstance(label, list | tuple):
            return (), f"the labels must be a list of names; got {str(label)[:60]!r}"
        return [str(name).strip() for name in label], None

    def extra_splits(self, data_dir: str) -> Mapping[str, Callable[[], Iterable[InputExample]]]:
        """Further splits to evaluate or predict, such as `eval_mismatched`: what gives their examples, by name.

        The names begin with `eval_` or `test_`; each is prepared and used whenever `eval` or `test` is.
        """
        return {}

    @classmethod
    def get_processor_name(cls) -> str:
        """What the metadata calls the data set."""
        return cls.__name__

    def name(self) -> str:
        """`get_processor_name`, also where a subclass forgot to make it a static or class method."""
        return str(self.get_processor_name())

    @classmethod
    def _read_tsv(cls, input_file: str, quotechar: str | None = None) -> list[list[str]]:
        """All rows of a tab-separated UTF-8 file, as lists of cells; quotes are text unless `quotechar` is given.

        Raises:
          UserError: the file is missing, cannot be read or holds an empty line.
        """
        path = require_data_file(input_file)
        rows = []
        for line, row in read_tsv(path, quotechar):
            if not row:
                raise UserError(f"{path}:{line}: empty line; remove it")
            rows.append(row)
        return rows

    @classmethod
    def _read_jsonl(cls, input_file: str) -> list[dict[str, Any]]:
        """All objects of a file with one JSON object a line.

        Raises:
          UserError: the file is missing, cannot be read or a line is no JSON object.
        """
        path = require_data_file(input_file)
        rows = []
        for line, value, text in read_jsonl(path):
            if value is None:
                raise UserError(f"{path}:{line}: not a JSON object: {text[:60]}")
            rows.append(value)
        return rows


processors: Registry[Any] = Registry("task", "bert_tf2.processors")


def register_processor(name: str) -> Callable[[Any], Any]:
    """Decorator that makes a `DataProcessor` known to the commands as a task called `name`."""
    return processors.register(name)


def require_data_file(path: str) -> str:
    """Returns the path of a data file that exists.

    Raises:
      UserError: it does not; the message lists what lies in its directory.
    """
    try:
        return files.require_file(path, "data")
    except UserError as error:
        raise UserError(str(error).removeprefix("--data: ")) from None


def check_processor(processor: Any, data_dir: str, splits: tuple[str, ...] = ("train", "dev", "test")) -> None:
    """Tries a processor on its files: prints counts, labels and first examples.

        check_processor(ProductProcessor, "path/to/data")

    Args:
      processor: the class or an instance.
      data_dir: what the processor reads from.
      splits: which of `train`, `dev` and `test` to read; splits without a `get_*_examples` of its own are left out.

    Raises:
      UserError: an example that cannot be used, with the cause.
    """
    processor = make(processor)
    labels = None if processor.is_regression else check_labels(processor)
    of_each = " (any number for an example)" if processor.is_multi_label else ""
    kind = "regression" if labels is None else f"{len(labels)} labels{of_each}: {', '.join(labels)}"
    print(f"{processor.name()}: {kind}")
    for split in splits:
        if getattr(type(processor), f"get_{split}_examples", None) is getattr(DataProcessor, f"get_{split}_examples"):
            print(f"  {split}: none (get_{split}_examples is not defined)")
            continue
        examples = getattr(processor, f"get_{split}_examples")(data_dir)
        for name, part in examples.items() if isinstance(examples, Mapping) else [(split, examples)]:
            _check_split(name, part, labels, split != "test", processor)


def _check_split(
    split: str, examples: Iterable[InputExample], labels: list[str] | None, labelled: bool, processor: DataProcessor
) -> None:
    counts: dict[str, int] = {}
    total, unknown = 0, ""
    for total, example in enumerate(checked(examples, split, processor.is_multi_label), 1):
        label = example.label
        for one in (() if label is None else processor.read_labels(label)[0]) if processor.is_multi_label else (label,):
            if labels is not None and str(one).strip() in labels:
                counts[str(one).strip()] = counts.get(str(one).strip(), 0) + 1
            elif labels is not None and (labelled or one is not None):
                unknown = unknown or f"{split}: {example.where()}: unknown label '{one}'; get_labels says {', '.join(labels)}"
        if unknown and (labelled or counts):
            raise UserError(unknown)
        if total <= 2:
            pair = f" ||| {example.text_b[:60]}" if example.text_b else ""
            print(f"    {example.where()}: [{label}] {example.text_a[:60]}{pair}")
    if not total:
        raise UserError(f"{split}: the processor gives no examples")
    shown = ", ".join(f"{label} {count}" for label, count in sorted(counts.items())) or ("no known label" if unknown else "")
    print(f"  {split}: {total} examples{f' ({shown})' if shown else ''}")


def make(processor: Any) -> Any:
    """An instance of a processor given as a class, a factory or an instance.

    Raises:
      UserError: it lacks a part of the interface, or brings one that is not used here.
    """
    instance = processor if isinstance(processor, DataProcessor) else processor() if callable(processor) else processor
    if not isinstance(instance, DataProcessor):
        raise UserError(
            f"a processor must be a subclass of bert_tf2.data.processors.DataProcessor; got {type(instance).__name__}"
        )
    if hasattr(instance, "featurize_example"):
        raise UserError(
            f"{instance.name()} defines featurize_example, which is not called here: "
            "build the two texts in get_*_examples instead and remove it"
        )
    return instance


def check_labels(processor: DataProcessor) -> list[str]:
    """The processor's label names, as texts.

    Raises:
      UserError: fewer than two, or one of them twice.
    """
    labels = [str(label) for label in processor.get_labels() or []]
    twice = sorted({label for label in labels if labels.count(label) > 1}) if len(labels) < 10_000 else []
    if twice:
        raise UserError(f"{processor.name()}: get_labels holds '{twice[0]}' twice")
    if len(labels) < 2:
        raise UserError(f"{processor.name()}: classification needs at least 2 labels; get_labels gives {labels}")
    return labels


def checked(examples: Iterable[Any], split: str, are_sets: bool = False) -> Iterable[InputExample]:
    """Passes examples on, refusing what is no example.

    Args:
      examples: what a processor gives.
      split: what they are called.
      are_sets: an example's label is a list of labels.

    Raises:
      UserError: something else than examples with texts.
    """
    if examples is None or isinstance(examples, (str, bytes)) or not hasattr(examples, "__iter__"):
        raise UserError(f"{split}: the processor must give a list of InputExample; it gave {type(examples).__name__}")
    for number, example in enumerate(examples):
        text_b = getattr(example, "text_b", None)
        if not isinstance(getattr(example, "text_a", None), str) or not (text_b is None or isinstance(text_b, str)):
            raise UserError(f"{split} example {number}: expected an InputExample whose texts are str; got {example!r}")
        if getattr(example, "label", None).__hash__ is None and not are_sets:
            raise UserError(f"{split} example {number}: a label must be a name or a number; got {example.label!r}")
        yield example


def data_path(data_dir: str, *names: str) -> str:
    """Joins a data directory and a file's name, for local and remote directories."""
    return os.path.join(files.expand(data_dir), *names)
