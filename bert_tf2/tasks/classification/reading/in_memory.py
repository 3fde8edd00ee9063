"""Texts and labels in memory, as lists or as a `tf.data.Dataset`, as a data set."""

import math
import numbers
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bert_tf2.data.examples import InputExample
from bert_tf2.data.processors import DataProcessor
from bert_tf2.data.sources.columns import USUAL_NAMES, check_roles
from bert_tf2.errors import UserError, did_you_mean
from bert_tf2.tasks.classification.reading.labels import refuse_unique_labels, sorted_labels

FORMS = "a tuple (texts, labels) of two lists, a tf.data.Dataset, or the path of a TSV, CSV or JSONL file"
_TEXT_FORMS = "a list of strings, or of pairs of strings"
_SETS = (list, tuple, set, frozenset)


class InMemoryProcessor(DataProcessor):
    """Data of a call from Python. All of it is looked at here, so that what is wrong is known before anything is done.

    Args:
      splits: data by split (`train`, `eval`), each `(texts, labels)`, `(texts, labels, weights)` or a `tf.data.Dataset`. A text
        is a string, or a pair of strings; a label a name or whole number, for regression a number; where a text has any number
        of labels, all are lists of those. An element of a data set is `(text, label)`, `((text, second text), label)` or a
        dictionary; batches are taken apart.
      label_names: in id order; empty collects them from the data and sorts them.
      is_regression: labels are numbers.
      columns: keys of dictionaries by `text_column`, `text_b_column`, `label_column`, `weight_column`; None for the usual ones.
      multi_label: whether a text has any number of labels; None finds it out.

    Raises:
      UserError: an element that cannot be used, with its index.
    """

    test_labels_may_be_placeholders = False
    examples_are_checked = True

    def __init__(
        self,
        splits: Mapping[str, Any],
        label_names: Sequence[str] = (),
        is_regression: bool = False,
        columns: Mapping[str, str | None] | None = None,
        multi_label: bool | None = None,
    ):
        super().__init__()
        self.is_regression = is_regression
        self.label_type = float if is_regression else None
        self._splits: dict[str, tuple[list, list, list | None]] = {}
        for name, data in splits.items():
            texts, labels, weights = _columns_of(name, data, columns or {})
            texts = texts_of(f"{name}: texts", texts)
            labels = _listed(f"{name}: labels", labels, "a list of labels")
            if weights is not None:
                weights = _listed(f"{name}: weights", weights, "a list of numbers")
            for what, values in (("labels", labels), ("weights", weights)):
                if values is not None and len(values) != len(texts):
                    raise UserError(f"{name}: {len(texts):,} texts but {len(values):,} {what}; every text needs one")
            self._splits[name] = texts, labels, weights
        every = [label for _, labels, _ in self._splits.values() for label in labels]
        if multi_label is None:
            multi_label = not is_regression and all(isinstance(label, _SETS) for label in every)
        self.is_multi_label = multi_label
        for name, (_, labels, _) in self._splits.items():
            labels[:] = [self._read_label(f"{name}: labels[{i}]", label) for i, label in enumerate(labels)]
        kinds = {
            name: "single texts" if isinstance(texts[0], str) else "pairs of texts" for name, (texts, *_) in self._splits.items()
        }
        if len(set(kinds.values())) > 1:
            told = ", ".join(f"{name} holds {kind}" for name, kind in kinds.items())
            raise UserError(f"{told}; give all alike")
        self.weight_key = any(weights is not None for _, _, weights in self._splits.values())
        self._labels: list[str] = []
        if not is_regression:
            self._labels = list(label_names) or sorted_labels({name for split in self._splits for name in self._names(split)})
            self._check_labels(bool(label_names))

    def _read_label(self, name: str, label: Any) -> Any:
        if not self.is_multi_label:
            return _label(name, label, self.is_regression)
        if not isinstance(label, _SETS):
            raise UserError(f"{name} must be a list of labels, of which a text has any number; got {_shown(label)}")
        return tuple(dict.fromkeys(_label(f"{name}[{index}]", one, False) for index, one in enumerate(label)))

    def _names(self, split: str) -> list[str]:
        """The labels of a split as often as they occur."""
        labels = self._splits[split][1]
        return [name for label in labels for name in label] if self.is_multi_label else labels

    def name(self) -> str:
        return "in memory"

    def get_labels(self) -> list[str]:
        return self._labels

    def get_train_examples(self, data_dir: str | None = None) -> Iterator[InputExample]:
        return self._examples("train")

    def get_dev_examples(self, data_dir: str | None = None) -> Iterator[InputExample]:
        return self._examples("eval")

    def _examples(self, split: str) -> Iterator[InputExample]:
        texts, labels, weights = self._splits[split]
        for index, (text, label) in enumerate(zip(texts, labels)):
            text_a, text_b = (text, None) if isinstance(text, str) else text
            yield InputExample(f"{split}[{index}]", text_a, text_b, label, None if weights is None else weights[index], index)

    def _check_labels(self, given: bool) -> None:
        if len(self._labels) < 2:
            raise UserError(f"classification needs at least 2 labels; the data holds {', '.join(map(repr, self._labels))} only")
        if not given:
            name = next(iter(self._splits))
            refuse_unique_labels(name, len(self._names(name)), sorted_labels(set(self._names(name))))
            return
        known = set(self._labels)
        for name, (_, labels, _) in self._splits.items():
            for index, label in enumerate(labels):
                for one in label if self.is_multi_label else (label,):
                    if one not in known:
                        shown = ", ".join(self._labels[:20]) + (", …" if len(self._labels) > 20 else "")
                        what = "holds" if self.is_multi_label else "is"
                        raise UserError(
                            f"{name}: labels[{index}] {what} {one[:60]!r}, which is none of the labels: {shown}."
                            f"{did_you_mean(one, self._labels[:1000])}"
                        )


def texts_of(name: str, texts: Any) -> list[str] | list[tuple[str, str]]:
    """Texts, or pairs of texts, as a list.

    Args:
      name: what they are called in messages.
      texts: strings, or pairs of strings; a list, or anything with a beginning and an end such as an array.

    Raises:
      UserError: one of them is neither, or not what the first one is; the message holds its index.
    """
    found = _listed(name, texts, _TEXT_FORMS)
    if not found:
        raise UserError(f"{name}: the list is empty")
    has_pairs = not isinstance(found[0], str)
    for index, text in enumerate(found):
        if isinstance(text, str) is not has_pairs and (isinstance(text, str) or _is_pair(text)):
            continue
        if isinstance(text, str) or (_is_pair(text) and not has_pairs):
            kinds = ("a pair", "one text") if has_pairs else ("one text", "a pair")
            raise UserError(f"{name}[0] is {kinds[0]}, but {name.split()[-1]}[{index}] {kinds[1]}; all must be alike")
        raise UserError(f"{name}[{index}] must be a string, or a pair of strings; got {_shown(text)}")
    return [tuple(text) for text in found] if has_pairs else found


def is_dataset(data: Any) -> bool:
    """Whether it is a `tf.data.Dataset`, which needs no TensorFlow to know."""
    return hasattr(data, "element_spec") and hasattr(data, "as_numpy_iterator")


def _is_pair(text: Any) -> bool:
    return isinstance(text, tuple | list) and len(text) == 2 and all(isinstance(part, str) for part in text)


def _listed(name: str, values: Any, kind: str) -> list:
    if isinstance(values, str | bytes | Mapping) or not hasattr(values, "__iter__"):
        raise UserError(f"{name} must be {kind}; got {_shown(values)}")
    return list(values)


def _label(name: str, label: Any, is_regression: bool) -> str | float:
    if isinstance(label, _SETS) or (hasattr(label, "ndim") and label.ndim):
        form = "array" if hasattr(label, "ndim") else "list"
        raise UserError(f"{name} is one {form}; where texts have any number of labels, each has a list of their names")
    is_number = isinstance(label, numbers.Real) and not isinstance(label, bool)
    if is_regression:
        if not is_number or not math.isfinite(label):
            raise UserError(f"{name} must be a finite number, as --fine_tuning_task_type=regression says; got {_shown(label)}")
        return float(label)
    if isinstance(label, str):
        if not label.strip():
            raise UserError(f"{name} is empty; a label must be a name or a whole number")
        return label.strip()
    if is_number and not isinstance(label, numbers.Integral):
        advice = "" if math.isnan(label) else "; to learn numbers, pass fine_tuning_task_type='regression'"
        raise UserError(f"{name} must be a name or a whole number; got {_shown(label)}{advice}")
    if not is_number and type(label).__name__ not in ("bool", "bool_"):
        raise UserError(f"{name} must be a name or a whole number; got {_shown(label)}")
    # As in a JSON file.
    return str(int(label)) if is_number else str(bool(label)).lower()


def _columns_of(name: str, data: Any, columns: Mapping[str, str | None]) -> tuple[Any, Any, Any]:
    """Texts, labels and weights (or None) of a split."""
    if is_dataset(data):
        return _dataset_columns(name, data, columns)
    if isinstance(data, tuple) and len(data) in (2, 3):
        return data if len(data) == 3 else (*data, None)
    raise UserError(f"{name} must be {FORMS}; got {_shown(data)}")


def _dataset_columns(name: str, data: Any, columns: Mapping[str, str | None]) -> tuple[list, list, list | None]:
    if int(data.cardinality()) == -1:
        raise UserError(f"{name}: the data set never ends; leave out repeat(), which training does by itself")
    spec = data.element_spec
    while _is_batched(spec):
        data = data.unbatch()
        spec = data.element_spec
    take = _reader(name, spec, columns)
    taken = enumerate(map(take, data.as_numpy_iterator()))
    rows = [[_plain(f"{name}[{i}]", value) for value in row] for i, row in taken]
    texts = [first if second is None else (first, second) for first, second, _, _ in rows]
    weights = [weight for *_, weight in rows]
    return texts, [row[2] for row in rows], None if all(weight is None for weight in weights) else weights


def _is_batched(spec: Any) -> bool:
    while isinstance(spec, Mapping | tuple):
        spec = next(iter(spec.values() if isinstance(spec, Mapping) else spec))
    return getattr(spec, "shape", None) is not None and spec.shape.rank == 1


def _reader(name: str, spec: Any, columns: Mapping[str, str | None]) -> Callable[[Any], tuple]:
    """A function from an element of a data set to its text, second text, label and weight; None for what it has not."""
    if isinstance(spec, Mapping):
        keys = _keys(name, (*USUAL_NAMES, "weight_column"), columns, spec)
        return lambda row: tuple(None if key is None else row[key] for key in keys)
    if isinstance(spec, tuple) and len(spec) in (2, 3):
        more = () if len(spec) == 3 else (None,)
        if isinstance(spec[0], Mapping):
            keys = _keys(name, ("text_column", "text_b_column"), columns, spec[0])
            return lambda row: (*(None if key is None else row[0][key] for key in keys), *row[1:], *more)
        if not isinstance(spec[0], tuple):
            return lambda row: (row[0], None, *row[1:], *more)
        if len(spec[0]) == 2:
            return lambda row: (*row[0], *row[1:], *more)
    raise UserError(
        f"{name}: an element of the data set must be (text, label), ((text, second text), label) or a dictionary; it is {spec}"
    )


def _keys(name: str, options: Sequence[str], columns: Mapping[str, str | None], spec: Mapping[str, Any]) -> list[str | None]:
    """The keys that options name, or usual ones of those that are nothing else."""
    given = {option: key for option in options if (key := columns.get(option)) is not None}
    check_roles(f"{name}: ", {option: (key, key) for option, key in given.items()})
    others = {key: value for key, value in spec.items() if key not in given.values()}
    return [_key(name, option, given.get(option), spec if option in given else others) for option in options]


def _key(name: str, option: str, given: str | None, spec: Mapping[str, Any]) -> str | None:
    if given is not None:
        if given not in spec:
            raise UserError(f"{name}: no key '{given}' (--{option}).{did_you_mean(given, spec)} Keys: {', '.join(spec)}")
        return given
    found = next((key for key in USUAL_NAMES.get(option, ()) if key in spec), None)
    if found is None and option in ("text_column", "label_column"):
        what = option.removesuffix("_column")
        raise UserError(f"{name}: which key holds the {what}? Pass {option}; the keys are: {', '.join(spec)}")
    return found


def _plain(name: str, value: Any) -> Any:
    """A value of a data set as a string or a number of Python's."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise UserError(f"{name}: byte {error.start} of the text is not UTF-8") from None
    if getattr(value, "ndim", 0) == 1 and value.dtype == object:
        return [_plain(name, one) for one in value]
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value


def _shown(value: Any) -> str:
    if value is None or isinstance(value, str | bytes | bool | numbers.Number):
        return repr(value)[:60]
    size = f" of {len(value):,}" if hasattr(value, "__len__") else ""
    return f"{type(value).__name__}{size}"
