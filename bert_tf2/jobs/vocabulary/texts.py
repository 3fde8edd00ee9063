"""The texts of files, and the tokenizer of a vocabulary of any kind."""

import os
from collections.abc import Iterator, Sequence

from bert_tf2 import file_kinds, files
from bert_tf2.data.sources.contents import JSON_LINES, TEXT, TITLES, content_of
from bert_tf2.data.sources.text_files import read_jsonl, read_lines
from bert_tf2.errors import UserError
from bert_tf2.text.tokenizer import Tokenizer, load_tokenizer
from bert_tf2.text.vocabulary import sentencepiece_model_in, vocabulary_in


class Texts:
    """The lines of text files, or the texts of JSON objects; they can be gone through any number of times.

    Args:
      pattern: comma-separated files and globs.
      text_field: key of the text in an object; a list there is several texts.

    Raises:
      UserError: there is no such file, or one holds something else.
    """

    def __init__(self, pattern: str, text_field: str):
        self.paths = files.matching_files(pattern, "text_files")
        self._field = text_field
        self._contents = {path: content_of(path) for path in self.paths}
        for path, held in self._contents.items():
            if held not in (TEXT, JSON_LINES):
                raise UserError(f"{path} holds {TITLES[held]}; give plain text, or a file with an object on each line")

    def __iter__(self) -> Iterator[str]:
        for path, held in self._contents.items():
            if held == TEXT:
                yield from (line for _, line in read_lines(path))
            else:
                yield from self._of_json(path)

    def _of_json(self, path: str) -> Iterator[str]:
        for number, value, line in read_jsonl(path):
            if value is None and not line.strip():
                continue
            text = None if value is None else value.get(self._field)
            texts = text if isinstance(text, list) else [text]
            strings = [one for one in texts if isinstance(one, str)]
            if len(strings) < len(texts):
                raise UserError(
                    f"{path}:{number}: expected a JSON object with a text under '{self._field}'; name its key by --text_field"
                )
            yield from strings

    def require_words(self, words: int) -> None:
        """Refuses files in which no word was found.

        Raises:
          UserError: it is so.
        """
        if not words:
            raise UserError(f"--text_files: there is no text in {_listed(self.paths)}")


def _listed(paths: Sequence[str]) -> str:
    return paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"


def tokenizer_of(path: str, do_lower_case: bool | None, strip_accents: bool | None, flag: str = "vocab_file") -> Tokenizer:
    """The tokenizer of a vocabulary whose kind its content tells.

    Args:
      path: a vocabulary, a SentencePiece model, or a folder with one.
      do_lower_case, strip_accents: as `load_tokenizer` takes them.
      flag: what the path was given by.

    Raises:
      UserError: it is none.
    """
    path = files.expand(path)
    if os.path.isdir(path) and vocabulary_in(path) is None:
        path = sentencepiece_model_in(path) or path
    if not os.path.isdir(path):
        files.require_file(path, flag)
    is_model = not os.path.isdir(path) and file_kinds.kind_of(path) is file_kinds.SENTENCEPIECE
    return load_tokenizer(
        vocab_file=None if is_model else path,
        sp_model_file=path if is_model else None,
        tokenization="SentencePiece" if is_model else "WordPiece",
        do_lower_case=do_lower_case,
        strip_accents=strip_accents,
    )
