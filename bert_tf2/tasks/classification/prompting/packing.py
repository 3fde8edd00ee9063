"""Texts in patterns: an input for each pattern. The texts are cut where they do not fit, the pattern never is."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bert_tf2.data.encoding import id_encoder
from bert_tf2.data.examples import kept_lengths
from bert_tf2.tasks.classification.long_texts.rule import Packed
from bert_tf2.tasks.classification.prompting.rule import EncodedPattern, PlacedText, PromptRule
from bert_tf2.text.template import TextTemplate

PackTexts = Callable[[Sequence[str], Sequence[str | None]], list[Packed | str]]


def text_packer(rule: PromptRule, tokenizer: Any, max_seq_length: int) -> PackTexts:
    """A function from first and second texts to each example's inputs, or to why it has none.

    Args:
      rule: of patterns.
      tokenizer: a `bert_tf2.text.tokenizer.Tokenizer`.
      max_seq_length: the most ids of an input.
    """
    patterns, template, takes_pairs = rule.encoded(tokenizer), tokenizer.template, rule.prompts.has_pairs
    slots = {part for pattern in patterns for segment in pattern.segments for part in segment if isinstance(part, PlacedText)}
    encode = id_encoder(tokenizer)

    def ids_of(texts: Sequence[str], spaced: bool) -> list[list[int]]:
        ids, lengths = encode([f" {text}" for text in texts] if spaced else texts)
        # What says where words are guessed is the pattern's alone.
        ids = np.where(ids == rule.mask_id, tokenizer.unk_id, ids)
        return [part.tolist() for part in np.split(ids, np.cumsum(lengths)[:-1])]

    def pack(texts_a: Sequence[str], texts_b: Sequence[str | None]) -> list[Packed | str]:
        columns = (texts_a, [text or "" for text in texts_b])
        encoded = {slot: ids_of(columns[slot.text], slot.spaced) for slot in slots}
        found: list[Packed | str] = []
        for row, text_b in enumerate(texts_b):
            if (text_b is not None) != takes_pairs:
                found.append(_OTHER_TEXTS[takes_pairs])
            else:
                found.append(_packed(patterns, {slot: ids[row] for slot, ids in encoded.items()}, template, max_seq_length))
        return found

    return pack


_OTHER_TEXTS = {
    True: "is a single text, and the patterns have {text_b} for the second text of a pair (--text_b_column)",
    False: "is a pair of texts, and the patterns have one {text}; write {text_a} and {text_b} into each",
}


def _packed(
    patterns: Sequence[EncodedPattern], texts: dict[PlacedText, list[int]], template: TextTemplate, max_seq_length: int
) -> Packed:
    inputs, firsts, lost, tokens = [], [], 0, 0
    for pattern in patterns:
        lengths = [0, 0]
        for segment in pattern.segments:
            for part in segment:
                if isinstance(part, PlacedText):
                    lengths[part.text] = len(texts[part])
        first, second = lengths
        kept = kept_lengths(first, second, max_seq_length - pattern.fixed - pattern.special_tokens(template))
        lost, tokens = max(lost, sum(lengths) - sum(kept)), max(tokens, sum(lengths))
        segments: list[list[int]] = []
        for segment in pattern.segments:
            ids: list[int] = []
            for part in segment:
                ids += texts[part][: kept[part.text]] if isinstance(part, PlacedText) else part
            segments.append(ids)
        inputs.append(template.packed(*segments))
        second = len(segments) > 1 and bool(segments[1])
        firsts.append(template.before_second + len(segments[0]) if second else len(inputs[-1]))
    return Packed(inputs, firsts, lost, tokens)
