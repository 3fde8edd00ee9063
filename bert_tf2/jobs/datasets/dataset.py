"""What is known of a published data set: its files, where they are to be had, and the command that goes on with them."""

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
