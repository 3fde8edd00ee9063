"""How a trained model's texts become inputs, one text or pair at a time, whichever kind of classification it is of."""

from collections.abc import Callable
from typing import Any

from bert_tf2.data.records.metadata import PROMPT_CLASSIFICATION, MetaData
from bert_tf2.tasks.classification.long_texts.rule import LongText, Packed, pack
from bert_tf2.tasks.classification.prompting.packing import text_packer
from bert_tf2.tasks.classification.prompting.rule import PromptRule

PackText = Callable[[str, str | None], Packed | str]


def text_inputs(meta: MetaData, tokenizer: Any) -> tuple[PackText, bool]:
    """A function from a text, or a pair, to its inputs, or to why it has none; and whether an example is several inputs.

    Args:
      meta: of the training.
      tokenizer: a `bert_tf2.text.tokenizer.Tokenizer`.

    Raises:
      UserError: metadata that cannot be used.
    """
    if meta.task_type == PROMPT_CLASSIFICATION:
        pack_texts = text_packer(PromptRule.of(meta), tokenizer, meta.max_seq_length)
        return lambda text, text_b: pack_texts([text], [text_b])[0], True
    rule = LongText.of(meta)

    def packed(text: str, text_b: str | None) -> Packed | str:
        second = tokenizer.encode(text_b) if text_b else None
        return pack(tokenizer.encode(text), second, tokenizer.template, meta.max_seq_length, rule)

    return packed, rule.has_windows
