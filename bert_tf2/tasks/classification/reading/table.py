"""Reading published data sets that are described by rows of a table (`bert_tf2.tasks.classification.reading.glue`)."""

import dataclasses
import functools
import itertools
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from bert_tf2 import files
from bert_tf2.data.examples import InputExample
from bert_tf2.data.processors import DataProcessor, data_path, require_data_file
from bert_tf2.data.sources.text_files import read_tsv
from bert_tf2.errors import UserError, did_you_mean


@dataclasses.dataclass(frozen=True)
class Layout:
    """One file of a data set.

    Attributes:
      file: its name; `{language}` is filled in.
      text_a, text_b, label: the names of the columns; no `label` for unlabelled files.
      columns: what the columns of a file without header are; empty for a file whose first row names them.
      id_file: file of row ids; with `in_id_file` the rows listed there are taken, else the others.
      ids: the two columns that hold a row's ids.
      language: column that holds the row's language.
    """

    file: str
    text_a: str
    text_b: str | None = None
    label: str | None = None
    columns: tuple[str, ...] = ()
    id_file: str | None = None
    in_id_file: bool = False
    ids: tuple[str, ...] = ()
    language: str | None = None

    @property
    def names(self) -> list[str]:
        """The columns that are read."""
        return [name for name in (self.text_a, self.text_b, self.label, *self.ids, self.language) if name is not None]


@dataclasses.dataclass(frozen=True)
class Dataset:
    """One data set of the table.

    Attributes:
      name: as in `--classification_task_name`.
      labels: label names in id order; empty for regression.
      metrics: what its benchmark reports; the first names the best checkpoint.
      train, dev, test: layouts of each split; of several, the first whose file is there is read, and of those of one file the
        first that its first row fits.
      extra: further splits that are written where their file is there.
      renamed_labels: labels as some files spell them.
      short_rows: how many rows of a published training or development file lack columns; they are left out and counted, as the
        model garden and transformers do.
      unlabelled: a label that means none was agreed on; such rows are left out and counted.
      languages: the languages of a multilingual data set.
    """

    name: str
    labels: tuple[str, ...]
    metrics: tuple[str, ...]
    train: tuple[Layout, ...]
    dev: tuple[Layout, ...]
    test: tuple[Layout, ...]
    extra: dict[str, Layout] = dataclasses.field(default_factory=dict)
    renamed_labels: dict[str, str] = dataclasses.field(default_factory=dict)
    short_rows: int = 0
    unlabelled: str | None = None
    languages: tuple[str, ...] = ()


class TableProcessor(DataProcessor):
    """Reads a data set of the table.

    Args:
      dataset: its row in the table.
      language: language of the training data of a multilingual data set, or `all`.
      only_language: evaluate and predict this language alone, as google-research/bert does, and not every one.

    Raises:
      UserError: an unknown language.
    """

    examples_are_checked = True

    def __init__(self, dataset: Dataset, language: str = "en", only_language: bool = False):
        super().__init__()
        self.dataset = dataset
        self.metrics = dataset.metrics
        self.is_regression = not dataset.labels
        self.label_type = float if self.is_regression else None
        self._label_of = {label: label for label in dataset.labels} | dataset.renamed_labels
        self.notices: list[str] = []
        self._train_languages: tuple[str, ...] = ()
        self._other_languages = dataset.languages
        if dataset.languages:
            if language != "all" and language not in dataset.languages:
                known = ", ".join([*dataset.languages, "all"])
                raise UserError(
                    f"{dataset.name} has no language '{language}'.{did_you_mean(language, dataset.languages)} Known: {known}"
                )
            self._train_languages = dataset.languages if language == "all" else (language,)
            self._other_languages = self._train_languages if only_language else dataset.languages

    def name(self) -> str:
        return self.dataset.name

    def get_labels(self) -> list[str]:
        return list(self.dataset.labels)

    def get_train_examples(self, data_dir: str) -> Iterator[InputExample]:
        return self._each_language(data_dir, self.dataset.train, "train", self._train_languages)

    def get_dev_examples(self, data_dir: str) -> Iterator[InputExample]:
        return self._each_language(data_dir, self.dataset.dev, "dev", self._other_languages)

    def get_test_examples(self, data_dir: str) -> Iterable[InputExample] | Mapping[str, Iterable[InputExample]]:
        languages = self._other_languages
        if len(languages) < 2:
            return self._each_language(data_dir, self.dataset.test, "test", languages)
        return {language: self._each_language(data_dir, self.dataset.test, "test", (language,)) for language in languages}

    def extra_splits(self, data_dir: str) -> Mapping[str, Callable[[], Iterable[InputExample]]]:
        """The splits of the table's `extra` whose files are there."""
        present = {}
        for split, layout in self.dataset.extra.items():
            path = data_path(data_dir, layout.file)
            if _exists(path):
                present[split] = functools.partial(self._examples, path, (layout,), split, data_dir)
        return present

    def _each_language(
        self, data_dir: str, layouts: tuple[Layout, ...], split: str, languages: tuple[str, ...]
    ) -> Iterator[InputExample]:
        """The split's examples; files that hold one language are read one after the other."""
        if not languages or layouts[0].language is not None:
            path, found = _find(data_dir, layouts, "")
            yield from self._examples(path, found, split, data_dir, languages)
            return
        count = 0
        for language in languages:
            path, found = _find(data_dir, layouts, language)
            for example in self._examples(path, found, split, data_dir):
                example.example_id = count
                count += 1
                yield example

    def _examples(
        self, path: str, layouts: tuple[Layout, ...], split: str, data_dir: str, languages: tuple[str, ...] = ()
    ) -> Iterator[InputExample]:
        rows = read_tsv(path)
        first = next(rows, None)
        if first is None:
            raise UserError(f"{path}: the file is empty")
        layout, names = _fitting(path, layouts, first, self._label_of)
        if layout.columns:
            rows = itertools.chain([first], rows)
        text_a = names.index(layout.text_a)
        text_b, label, language = (
            names.index(name) if name is not None else None
            for name in (layout.text_b, layout.label, layout.language if languages else None)
        )
        ids = [names.index(name) for name in layout.ids]
        listed = _ids(data_path(data_dir, layout.id_file)) if layout.id_file else None
        expected = len(names)
        regression, label_of, unlabelled, left_out = self.is_regression, self._label_of, self.dataset.unlabelled, 0
        short = 0
        for index, (line, row) in enumerate(rows):
            if len(row) != expected:
                short += len(row) < expected
                known = len(row) < expected and short <= self.dataset.short_rows and not split.startswith("test")
                self.bad_rows.report(f"{path}:{line}", _column_count(row, expected, layout), row, known)
                continue
            if listed is not None and (tuple(row[place] for place in ids) in listed) != layout.in_id_file:
                continue
            if language is not None and row[language] not in languages:
                continue
            name = None
            if label is not None:
                name = row[label]
                if name == unlabelled:
                    left_out += 1
                    continue
                if not regression:
                    name = label_of.get(name, name)
            second = row[text_b] if text_b is not None else None
            yield InputExample(f"{split}-{index}", row[text_a], second, name, None, index, (path, line))
        if left_out:
            self.notices.append(f"{path}: {left_out} rows labelled '{unlabelled}' (the annotators did not agree) are left out")


def _find(data_dir: str, layouts: tuple[Layout, ...], language: str) -> tuple[str, tuple[Layout, ...]]:
    """The first file that is there, and the layouts it may have."""
    if not data_dir:
        raise UserError("--input_data_dir is needed: the directory that holds the task's files")
    for layout in layouts:
        path = data_path(data_dir, layout.file.format(language=language))
        if _exists(path):
            return path, tuple(other for other in layouts if other.file == layout.file)
    names = " or ".join(dict.fromkeys(layout.file.format(language=language) for layout in layouts))
    if len({layout.file for layout in layouts}) == 1:
        require_data_file(data_path(data_dir, names))
    shown = ", ".join(sorted(os.listdir(data_dir))[:8]) if os.path.isdir(data_dir) else "no such directory"
    raise UserError(f"no {names} in {data_dir} ({shown or 'it is empty'})")


def _exists(path: str) -> bool:
    if files.is_remote(path):
        import tensorflow as tf

        return tf.io.gfile.exists(path)
    return os.path.isfile(path)


def _fitting(
    path: str, layouts: tuple[Layout, ...], first: tuple[int, list[str]], labels: Collection[str]
) -> tuple[Layout, list[str]]:
    """The layout that a file's first row fits, and the names of its columns; a layout with columns has no header to pass over.

    A header that names other columns, or none, is never taken on trust: a file without one would lose its first row, and one
    with other columns would be read from wrong ones.

    Raises:
      UserError: none fits; the message says what was expected and what is there.
    """
    line, row = first
    header = [cell.strip() for cell in row]
    for layout in layouts:
        if all(header.count(name) == 1 for name in layout.names):
            return dataclasses.replace(layout, columns=()), header
        if layout.columns and len(row) == len(layout.columns) and header[layout.columns.index(layout.label)] in labels:
            return layout, list(layout.columns)
    shown = " | ".join(cell[:30] for cell in header[:12]) + (" | …" if len(header) > 12 else "")
    twice = [name for name in layouts[0].names if header.count(name) > 1]
    missing = [name for name in layouts[0].names if name not in header]
    reason = f"no column '{missing[0]}'" if missing else f"the column '{twice[0]}' occurs twice"
    expected = " or ".join(map(_expected, layouts))
    raise UserError(f"{path}:{line}: the first row is not the expected one: {reason}; expected {expected}; found: {shown}")


def _expected(layout: Layout) -> str:
    named = ", ".join(layout.names)
    if not layout.columns:
        return f"a header with {named} (write it above the first row)"
    return f"the {len(layout.columns)} columns {', '.join(layout.columns)} without a header, or a header with {named}"


def _column_count(row: list[str], expected: int, layout: Layout) -> str:
    if not row:
        return "empty line"
    names = ", ".join(layout.names)
    advice = "; a tab inside the text?" if len(row) > expected else ""
    return f"{len(row)} columns, expected {expected} (with {names}){advice}"


def _ids(path: str) -> set[tuple[str, str]]:
    """The pairs of ids in `mrpc_dev_ids.tsv`."""
    pairs = set()
    for line, row in read_tsv(require_data_file(path)):
        if len(row) < 2:
            raise UserError(f"{path}:{line}: expected two ids separated by a tab")
        pairs.add((row[0].strip(), row[1].strip()))
    return pairs
