"""Files of tagged sentences: CoNLL's columns, tables with a row for each word, and objects of words and tags or of a text and
spans."""

import dataclasses
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any

from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.data.sources.conll import read_conll
from bert_tf2.data.sources.row_files import RowFile
from bert_tf2.errors import UserError
from bert_tf2.tasks.tagging.sentences import Sentence
from bert_tf2.tasks.tagging.spans import parsed, tags_of, words_of
from bert_tf2.text.normalization import Normalization

# Longer sentences are believed where blank lines show that the file has sentences.
_LONGEST_FILE_OF_ONE = 1000
_SURROGATE = re.compile("[\ud800-\udfff]")

NumberedCells = tuple[int | str, list[str]]


@dataclasses.dataclass(frozen=True)
class SentenceFile:
    """A file of sentences whose form and columns are known.

    Attributes:
      path: the file.
      rows: its form, if it is a table or holds objects; None for CoNLL's columns.
      columns: by option the place or key of each column; None where it is not there.
      count: how many columns a row has; None for objects.
      skips_first: the first row names the columns.
      labels: what numbers among the tags stand for.
      normalization: what words of texts are found by.
    """

    path: str
    rows: RowFile | None
    columns: dict[str, Any]
    count: int | None
    skips_first: bool
    labels: tuple[str, ...]
    normalization: Normalization

    @property
    def notice(self) -> str | None:
        """What was recognised and people should know."""
        return self.rows.notice if self.rows is not None else None

    @property
    def has_texts(self) -> bool:
        """Whether it holds texts, whose words are found by their characters and whose tags, those of spans, are IOB2."""
        return self.columns["text_column"] is not None

    def sentences(self, bad_rows: BadRows) -> Iterator[Sentence]:
        """Yields the sentences; those that cannot be used are reported.

        Raises:
          UserError: the file cannot be read, or holds nothing that divides sentences.
        """
        if self.rows is None:
            yield from self._divided(read_conll(self.path), bad_rows)
        elif self.rows.is_table:
            yield from self._divided(self._table_rows(self.rows), bad_rows)
        else:
            for line, row, shown in self.rows.rows():
                sentence = self._of_object(line, row)
                if isinstance(sentence, str):
                    bad_rows.report(f"{self.path}:{line}", sentence, shown)
                else:
                    yield sentence

    def _table_rows(self, table: RowFile) -> Iterator[list[NumberedCells]]:
        """The rows of each sentence; a new one begins behind a blank row, and where the sentence's name changes."""
        place, named = self.columns["sentence_column"], ""
        rows: list[NumberedCells] = []
        for number, (line, cells, _) in enumerate(table.rows()):
            if self.skips_first and not number:
                continue
            # Only the first word of a sentence may bear its name.
            name = cells[place].strip() if place is not None and place < len(cells) else ""
            is_blank = not any(cell.strip() for cell in cells)
            if rows and (is_blank or (name and name != named)):
                yield rows
                rows = []
            named = name or named
            if not is_blank:
                rows.append((line, cells))
        if rows:
            yield rows

    def _divided(self, sentences: Iterator[Sequence[NumberedCells]], bad_rows: BadRows) -> Iterator[Sentence]:
        begin = list(itertools.islice(sentences, 2))
        if not begin:
            raise UserError(f"{self.path}: the file holds no words")
        if len(begin) == 1 and len(begin[0]) > _LONGEST_FILE_OF_ONE:
            how = "blank lines" if self.rows is None else "blank rows, or name the column of sentences with --sentence_column"
            raise UserError(f"{self.path}: {len(begin[0]):,} words and nothing that divides sentences; divide them by {how}")
        for rows in itertools.chain(begin, sentences):
            sentence = self._of_rows(rows, bad_rows)
            if sentence is not None:
                yield sentence

    def _of_rows(self, rows: Sequence[NumberedCells], bad_rows: BadRows) -> Sentence | None:
        """A sentence, unless one of its rows, which is reported, has other columns than the file's first."""
        token, tag = self.columns["token_column"], self.columns["tag_column"]
        for line, cells in rows:
            if len(cells) != self.count:
                found = f"{len(cells)} column{'s' if len(cells) != 1 else ''}, expected {self.count}"
                bad_rows.report(f"{self.path}:{line}", f"{found}, as in the first row", cells)
                return None
        tags = None if tag is None else [cells[tag].strip() for _, cells in rows]
        return Sentence([cells[token] for _, cells in rows], tags, self.path, [line for line, _ in rows])

    def _of_object(self, line: int | str, row: dict[str, Any] | None) -> Sentence | str:
        """The sentence of an object, or what is wrong with it."""
        if row is None:
            return "not a JSON object"
        if self.has_texts:
            return self._of_text(line, row)
        token, tag = self.columns["token_column"], self.columns["tag_column"]
        words, tags = row.get(token), row.get(tag) if tag is not None else None
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            return f"'{token}' must be a list of words; got {str(words)[:60]}"
        if not words:
            return f"'{token}' holds no word"
        if tags is not None:
            if not isinstance(tags, list) or len(tags) != len(words):
                count = f"{len(tags)} tags" if isinstance(tags, list) else str(tags)[:60]
                return f"'{tag}' must be a list with a tag for each of the {len(words)} words; got {count}"
            tags = list(map(self._named, tags))
            wrong = next((one for one in tags if not isinstance(one, str)), None)
            if type(wrong) is int:
                return f"the tag {wrong} is a number without a name; name the tags with --labels, in the order of their numbers"
            if wrong is not None or None in tags:
                return f"a tag must be a text; got {wrong}"
        return Sentence([_SURROGATE.sub("\ufffd", word) for word in words], tags, self.path, [line])

    def _named(self, tag: Any) -> Any:
        if type(tag) is int and 0 <= tag < len(self.labels):
            return self.labels[tag]
        return tag.strip() if isinstance(tag, str) else tag

    def _of_text(self, line: int | str, row: dict[str, Any]) -> Sentence | str:
        key = self.columns["text_column"]
        text = row.get(key)
        if not isinstance(text, str):
            return f"'{key}' must be a text; got {str(text)[:60]}"
        text = _SURROGATE.sub("\ufffd", text)
        starts, ends = words_of(text, self.normalization)
        if not starts:
            return "the text holds no word"
        tags, spans = None, row.get(self.columns["span_column"])
        if spans is not None:
            found = parsed(spans, text)
            tags = found if isinstance(found, str) else tags_of(text, starts, ends, found)
            if isinstance(tags, str):
                return tags
        words = [text[start:end] for start, end in zip(starts, ends)]
        return Sentence(words, tags, self.path, [line], text, starts, ends)
