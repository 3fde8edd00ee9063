"""SentencePiece: text -> ids, equal to the `sentencepiece` library."""

import functools
import hashlib
import unicodedata

import sentencepiece

from bert_tf2 import file_kinds
from bert_tf2.errors import UserError
from bert_tf2.files import require_file
from bert_tf2.text.normalization import Normalization
from bert_tf2.text.vocabulary import CLASSIFICATION, SEPARATOR, read_bytes


class SentencePieceTokenizer:
    """Splits text into the pieces of a SentencePiece model.

    By default the text is first prepared as ALBERT's and the model garden's data preparation do: white space joined, NFKD,
    accents stripped, lower case; accents and capitals can be kept, each for itself. With both kept the text goes to the library
    as it is. The ids are always those of `SentencePieceProcessor.encode` for that text. The model garden besides takes a piece
    such as `▁1999,` apart into the number and the comma; the library does not, and neither do we.

    Args:
      sp_model_file: path of the model.
      normalization: `do_lower_case` and `strip_accents` tell how the text is prepared; True, for an uncased model such as
        ALBERT's, and False are short for both.

    Raises:
      UserError: no such file, not a SentencePiece model, or one without [CLS] or [SEP].
    """

    kind = "sentencepiece"

    def __init__(self, sp_model_file: str, normalization: Normalization | bool = True):
        self.file = require_file(sp_model_file, "sp_model_file")
        self.notices: tuple[str, ...] = ()
        self.normalization = Normalization(normalization) if isinstance(normalization, bool) else normalization
        self.do_lower_case = self.normalization.do_lower_case
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

    def vocabulary_file(self) -> bytes:
        """The model file."""
        return self.model

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without [CLS] and [SEP]."""
        return self._processor.encode(prepared(text, self.normalization))

    def tokenize(self, text: str) -> list[str]:
        """The pieces of a text, without [CLS] and [SEP]; pieces outside the model as they stand in the text."""
        return self._processor.encode(prepared(text, self.normalization), out_type=str)

    def id_to_token(self, id: int) -> str:
        """The piece with this id."""
        return self._processor.id_to_piece(id)


def prepared(text: str, normalization: Normalization) -> str:
    """As for ALBERT: white space joined, [compatibility decomposition (NFKD), combining marks stripped], [lower case]."""
    if normalization.do_lower_case or normalization.strip_accents:
        text = " ".join(text.split())
    if normalization.strip_accents and not text.isascii():
        text = "".join([c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)])
    return text.lower() if normalization.do_lower_case else text
