"""The control symbols of SentencePiece models, by which it is known which family's a model is, and how that prepares text."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from bert_tf2.errors import UserError
from bert_tf2.text.template import TextTemplate, bert_template, xlnet_template
from bert_tf2.text.vocabulary import CLASSIFICATION, MASK, SEPARATOR


@dataclasses.dataclass(frozen=True)
class ControlSymbols:
    """What a family's SentencePiece models hold besides pieces of text.

    Attributes:
      family: what a person calls it.
      classification, separator: symbols that every model of it has.
      mask, padding: symbols that it may have.
      begin, end: symbols that `transformers` has from other models.
      template: packs inputs, from the ids of `classification` and `separator`.
      preparation: how text is prepared where nothing else says it: fields of `Normalization`, where they are not its defaults.
      straightens_quotes: whether `` and '' in a text become ".
    """

    family: str
    classification: str
    separator: str
    mask: str
    padding: str
    begin: str
    end: str
    template: Callable[[int, int], TextTemplate]
    preparation: Mapping[str, Any]
    straightens_quotes: bool


ALBERT = ControlSymbols("ALBERT", CLASSIFICATION, SEPARATOR, MASK, "<pad>", CLASSIFICATION, SEPARATOR, bert_template, {}, False)
# Case is kept, accents are not (`run_classifier.py` and `prepro_utils.py` of zihangdai/xlnet).
_CASED = {"do_lower_case": False, "strip_accents": True}
XLNET = ControlSymbols("XLNet", "<cls>", "<sep>", "<mask>", "<pad>", "<s>", "</s>", xlnet_template, _CASED, True)
_KNOWN = (ALBERT, XLNET)


def symbols_in(has: Callable[[str], bool], path: str) -> ControlSymbols:
    """Those of the family that a model is of.

    Args:
      has: whether a piece is in the model.
      path: of the model, for the message.

    Raises:
      UserError: it has no family's symbols.
    """
    for symbols in _KNOWN:
        if has(symbols.classification) and has(symbols.separator):
            return symbols
    wanted = "; ".join(f"{known.family}'s have {known.classification} and {known.separator}" for known in _KNOWN)
    lacking = next((one for one in (ALBERT.classification, ALBERT.separator) if not has(one)), ALBERT.classification)
    raise UserError(f"--sp_model_file: {path} lacks the piece {lacking} ({wanted}); give the .model file of the checkpoint")
