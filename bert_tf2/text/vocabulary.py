"""WordPiece vocabulary files: one token a line, the line number is the id."""

from bert_tf2 import file_kinds
from bert_tf2.errors import UserError
from bert_tf2.files import is_remote, require_file

UNKNOWN, CLASSIFICATION, SEPARATOR, PADDING, MASK = "[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"


def load_vocabulary(path: str) -> dict[str, int]:
    """Reads a vocabulary; iterating over the result gives the tokens in id order.

    As in Google's reader every line is stripped of white space and counts, also when nothing is left of it (the published
    Chinese vocabulary holds U+2028 as a token): such a line gets a placeholder that no text can produce, so that ids stay
    line numbers. Unlike Google's reader a byte order mark is dropped, and empty lines after the last token do not count.

    Raises:
      UserError: no such file, not UTF-8, a token given twice, or [UNK], [CLS] or [SEP] missing.
    """
    path = require_file(path, "vocab_file")
    try:
        lines = read_bytes(path, "vocab_file").decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        other = file_kinds.explained(path, "a vocabulary", wants_text=True)
        raise other or UserError(f"--vocab_file: {path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    while lines and not lines[-1].strip("\r"):
        lines.pop()
    vocabulary: dict[str, int] = {}
    for index, line in enumerate(lines):
        token = line.strip() or f" {index}"
        first = vocabulary.setdefault(token, index)
        if first != index:
            raise UserError(f"{path}:{index + 1} duplicates line {first + 1}: '{token}'; every token may stand there once")
    _require_special_tokens(path, vocabulary)
    return vocabulary


def _require_special_tokens(path: str, vocabulary: dict[str, int]) -> None:
    missing = [token for token in (UNKNOWN, CLASSIFICATION, SEPARATOR) if token not in vocabulary]
    if missing:
        other = file_kinds.explained(path, "a vocabulary", wants_text=True)
        raise other or UserError(
            f"--vocab_file: {path} lacks {', '.join(missing)} ({len(vocabulary)} tokens read); "
            "give the vocab.txt that was published with the checkpoint"
        )


def read_bytes(path: str, flag: str) -> bytes:
    """Reads a whole local or remote file.

    Raises:
      UserError: it cannot be read.
    """
    if is_remote(path):
        import tensorflow as tf

        with tf.io.gfile.GFile(path, "rb") as file:
            return file.read()
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UserError(f"--{flag}: cannot read {path}: {error.strerror or error}") from None
