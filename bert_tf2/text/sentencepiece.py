"""SentencePiece: text -> ids, equal to the `sentencepiece` library."""

import functools
import hashlib
import unicodedata

import sentencepiece

from bert_tf2 import file_kinds
from bert_tf2.errors import UserError
from bert_tf2.files import require_file
from bert_tf2.text.vocabulary import CLASSIFICATION, SEPARATOR, read_bytes


class SentencePieceTokenizer:
    """Splits text into the pieces of a SentencePiece model.

    With `do_lower_case` the text is first prepared as ALBERT's and the model garden's data preparation do: white space
    joined, NFKD, accents stripped, lower case. Without it the text goes to the library as it is. The ids are always those of
    `SentencePieceProcessor.encode` for that text. The model garden besides takes a piece such as `▁1999,` apart into the
    number and the comma; the library does not, and neither do we.

    Args:
      sp_model_file: path of the model.
      do_lower_case: prepare the text for an uncased model such as ALBERT's.

    Raises:
      UserError: no such file, not a SentencePiece model, or one without [CLS] or [SEP].
    """

    kind = "sentencepiece"

    def __init__(self, sp_model_file: str, do_lower_case: bool = True):
        self.file = require_file(sp_model_file, "sp_model_file")
        self.do_lower_case = do_lower_case
        self._processor = sentencepiece.SentencePieceProcessor()
        self.model = read_bytes(self.file, "sp_model_file")
        try:
            loaded = bool(self.model) and self._processor.LoadFromSerializedProto(self.model)
        except RuntimeError:
            loaded = False
        if not loaded:
            other = file_kinds.explained(self.file, file_kinds.SENTENCEPIECE.title)
            raise other or UserError(
                f"--sp_model_file: {self.file} is not a SentencePiece model; give the .model file of the checkpoint"
            )
        self.vocab_size = self._processor.get_piece_size()
        self.unk_id = self._processor.unk_id()
        self.cls_id, self.sep_id = self._special_id(CLASSIFICATION), self._special_id(SEPARATOR)
        self.pad_id = max(self._processor.pad_id(), 0)

    def _special_id(self, token: str) -> int:
        id = self._processor.piece_to_id(token)
        if id == self.unk_id:
            raise UserError(f"--sp_model_file: {self.file} lacks the piece {token}; BERT needs [CLS] and [SEP]")
        return id

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the model file."""
        return hashlib.sha256(self.model).hexdigest()

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without [CLS] and [SEP]."""
        return self._processor.encode(prepared(text) if self.do_lower_case else text)

    def tokenize(self, text: str) -> list[str]:
        """The pieces of a text, without [CLS] and [SEP]; pieces outside the model as they stand in the text."""
        return self._processor.encode(prepared(text) if self.do_lower_case else text, out_type=str)

    def id_to_token(self, id: int) -> str:
        """The piece with this id."""
        return self._processor.id_to_piece(id)


def prepared(text: str) -> str:
    """White space joined, compatibility decomposition (NFKD), combining marks stripped, lower case, as for ALBERT."""
    text = " ".join(text.split())
    if not text.isascii():
        text = "".join([c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)])
    return text.lower()
