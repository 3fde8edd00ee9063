"""SentencePiece: text -> ids, as ALBERT's and XLNet's own tokenizers and the model garden's give them."""

import functools
import hashlib
import re
import unicodedata

import sentencepiece

from bert_tf2 import file_kinds
from bert_tf2.errors import UserError
from bert_tf2.files import require_file
from bert_tf2.text.control_symbols import symbols_in
from bert_tf2.text.normalization import Normalization
from bert_tf2.text.vocabulary import read_bytes

SPACE = "▁"
"""The sign with which a piece says that a space stands before it."""

_HALF_PAIRS = re.compile("[\ud800-\udfff]")


class SentencePieceTokenizer:
    """Splits text into the pieces of a SentencePiece model.

    By default the text is first prepared as ALBERT's and the model garden's data preparation do: white space joined, NFKD,
    accents stripped, lower case; accents and capitals can be kept, each for itself, and capitals are in XLNet's. With both kept
    the text goes to the library as it is. A piece that is a number with a comma behind it, such as `▁1999,`, is taken apart into
    the pieces of the number and the comma; otherwise the ids are those of `SentencePieceProcessor.encode`. The quotation marks
    `` and '' become " in XLNet's, and stay as they are in ALBERT's, as in Google's code (`transformers` alone makes them ").

    Which family's model it is its control symbols tell, and with them how inputs are packed.

    Args:
      sp_model_file: path of the model.
      normalization: `do_lower_case` and `strip_accents` tell how the text is prepared; True, for an uncased model such as
        ALBERT's, and False are short for both; None for what is usual in the family.

    Raises:
      UserError: no such file, not a SentencePiece model, or one without the control symbols of any family.
    """

    kind = "sentencepiece"

    def __init__(self, sp_model_file: str, normalization: Normalization | bool | None = True):
        self.file = require_file(sp_model_file, "sp_model_file")
        self.notices: tuple[str, ...] = ()
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
        id_of = self._processor.piece_to_id
        self.symbols = symbols_in(lambda piece: id_of(piece) != self.unk_id, self.file)
        self.mask_token = self.symbols.mask
        self.cls_id, self.sep_id = id_of(self.symbols.classification), id_of(self.symbols.separator)
        padding = id_of(self.symbols.padding)
        # ALBERT's models say themselves which piece is the padding's.
        self.pad_id = max(self._processor.pad_id(), 0 if padding == self.unk_id else padding)
        self.template = self.symbols.template(self.cls_id, self.sep_id)
        if normalization is None:
            normalization = Normalization(**self.symbols.preparation)
        self.normalization = Normalization(normalization) if isinstance(normalization, bool) else normalization
        self.do_lower_case = self.normalization.do_lower_case

    @property
    def processor(self) -> sentencepiece.SentencePieceProcessor:
        """The library's; it takes text that is `prepared`."""
        return self._processor

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the model file."""
        return hashlib.sha256(self.model).hexdigest()

    def vocabulary_file(self) -> bytes:
        """The model file."""
        return self.model

    def prepared(self, text: str) -> str:
        """The text as the model gets it."""
        if self.symbols.straightens_quotes:
            text = text.replace("``", '"').replace("''", '"')
        return prepared(text, self.normalization)

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without special ones."""
        ids = self._processor.encode(self.prepared(text))
        apart = self.numbers_with_comma
        if apart.keys().isdisjoint(ids):
            return ids
        return [part for id in ids for part in apart.get(id, (id,))]

    def encode_word(self, word: str) -> list[int]:
        """The ids of a word of a text that is given in words."""
        return self.encode(word)

    def tokenize(self, text: str) -> list[str]:
        """The pieces of a text, without special ones; pieces outside the model as they stand in the text."""
        pieces = self._processor.encode(self.prepared(text), out_type=str)
        return [part for piece in pieces for part in self._number_and_comma.get(piece, (piece,))]

    @functools.cached_property
    def numbers_with_comma(self) -> dict[int, tuple[int, ...]]:
        """The ids that stand for each piece of the model which is a number with a comma behind it, by its id."""
        id_of = self._processor.piece_to_id
        return {id_of(piece): tuple(map(id_of, parts)) for piece, parts in self._number_and_comma.items()}

    def parts_of_number(self, id: int) -> list[str]:
        """The pieces of the number and the comma, of one of `numbers_with_comma`."""
        return self._number_and_comma[self.id_to_token(id)]

    @functools.cached_property
    def _number_and_comma(self) -> dict[str, list[str]]:
        """By `encode_pieces` of google-research/albert's tokenization.py."""
        found = {}
        for piece in map(self._processor.id_to_piece, range(self.vocab_size)):
            if len(piece) > 1 and piece[-1] == "," and piece[-2].isdigit():
                parts = self._processor.encode(piece[:-1].replace(SPACE, ""), out_type=str)
                if not piece.startswith(SPACE) and parts[0].startswith(SPACE):
                    # A number alone is taken for the beginning of a word.
                    parts = [part for part in (parts[0][1:], *parts[1:]) if part]
                found[piece] = [*parts, ","]
        return found

    def id_to_token(self, id: int) -> str:
        """The piece with this id."""
        return self._processor.id_to_piece(id)


def prepared(text: str, normalization: Normalization) -> str:
    """As for ALBERT: white space joined, [compatibility decomposition (NFKD), combining marks stripped], [lower case].

    Half a surrogate pair, which no text holds, counts as U+FFFD.
    """
    if not text.isascii():
        text = _HALF_PAIRS.sub("\ufffd", text)
    if normalization.do_lower_case or normalization.strip_accents:
        text = " ".join(text.split())
    if normalization.strip_accents and not text.isascii():
        text = "".join([c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)])
    return text.lower() if normalization.do_lower_case else text
