"""Patterns and verbalizers in the ids of a vocabulary: what metadata keep of them, and what models work by."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from bert_tf2.errors import UserError
from bert_tf2.tasks.classification.prompting.prompts import (
    Mask,
    Prompts,
    Slot,
    Vectors,
    check_patterns,
    parts_of,
    refuse_shared,
)
from bert_tf2.tasks.classification.prompting.vector_ids import PlacedVectors, placed_vectors, read_vectors
from bert_tf2.text.byte_level.tokenizer import ByteLevelBPETokenizer
from bert_tf2.text.template import TextTemplate
from bert_tf2.text.tokenizer import mask_id_of

PROMPTS = "prompts"
"""The key of metadata under which it stands."""
VECTORS = "vectors"
"""Its key there under which trained vectors stand."""


@dataclasses.dataclass(frozen=True)
class PlacedText:
    """Where a text stands in a pattern.

    Attributes:
      text: 0 for the first, 1 for the second.
      spaced: a space is put before it, which in byte-level BPE belongs to its first word.
    """

    text: int
    spaced: bool = False


EncodedSegment = tuple[tuple[int, ...] | PlacedText, ...]
"""Ids that stand in every input, masks among them, and texts."""


@dataclasses.dataclass(frozen=True)
class EncodedPattern:
    """A pattern.

    Attributes:
      segments: one or two.
    """

    segments: tuple[EncodedSegment, ...]

    @property
    def fixed(self) -> int:
        """How many ids stand in every input, masks included."""
        return sum(len(part) for segment in self.segments for part in segment if isinstance(part, tuple))

    def special_tokens(self, template: TextTemplate) -> int:
        """How many special tokens an input has besides."""
        return template.special_tokens if len(self.segments) == 1 else template.special_tokens_of_pair


@dataclasses.dataclass(frozen=True)
class PromptRule:
    """What models of patterns work by.

    Attributes:
      prompts: as a person wrote them.
      mask_id: of [MASK].
      masks: how many stand in a pattern, one behind the other.
      verbalizer_ids: the ids of each label's words, label by label in the order of their ids.
      vectors: the trained vectors of each pattern, sign by sign.
    """

    prompts: Prompts
    mask_id: int
    masks: int
    verbalizer_ids: tuple[tuple[tuple[int, ...], ...], ...]
    vectors: PlacedVectors = ()

    @classmethod
    def of(cls, meta: Any) -> "PromptRule":
        """What `bert_tf2.data.records.metadata.MetaData` say of their records.

        Raises:
          UserError: they say nothing, or what cannot be.
        """
        told = meta.extra.get(PROMPTS)
        try:
            prompts = Prompts(
                tuple(map(str, told["patterns"])),
                {label: tuple(map(str, told["verbalizers"][label])) for label in meta.label_list},
                bool(told["multi_token"]),
            )
            ids = tuple(tuple(tuple(map(int, word)) for word in told["verbalizer_ids"][label]) for label in meta.label_list)
            rule = cls(prompts, int(told["mask_id"]), int(told["masks"]), ids, read_vectors(told.get(VECTORS), prompts))
            check_patterns(PROMPTS, prompts.patterns)
            if not all(word and len(word) <= rule.masks for words in ids for word in words or [()]) or not rule.masks:
                raise ValueError("a verbalizer without an id, or with more than there are masks")
        except (TypeError, KeyError, ValueError, UserError) as error:
            raise UserError(f"the metadata's '{PROMPTS}' cannot be used ({error}); prepare the data again") from None
        return rule

    @property
    def facts(self) -> dict[str, Any]:
        """What metadata say of it."""
        prompts, labels = self.prompts, list(self.prompts.verbalizers)
        return {
            **({VECTORS: [[list(map(list, place)) for place in one] for one in self.vectors]} if self.vectors else {}),
            "patterns": list(prompts.patterns),
            "verbalizers": {label: list(words) for label, words in prompts.verbalizers.items()},
            "multi_token": prompts.multi_token,
            "mask_id": self.mask_id,
            "masks": self.masks,
            "verbalizer_ids": {label: [list(word) for word in words] for label, words in zip(labels, self.verbalizer_ids)},
        }

    def encoded(self, tokenizer: Any) -> list[EncodedPattern]:
        """The patterns in ids, by a `bert_tf2.text.tokenizer.Tokenizer` of the vocabulary."""
        found = []
        for number, pattern in enumerate(self.prompts.patterns):
            vectors = iter(self.vectors[number] if self.vectors else ())
            found.append(EncodedPattern(tuple(self._segment(parts, tokenizer, vectors) for parts in parts_of(pattern))))
        return found

    def _segment(self, parts: Sequence[Any], tokenizer: Any, vectors: Iterator[Any]) -> EncodedSegment:
        is_byte_level = isinstance(tokenizer, ByteLevelBPETokenizer)
        found: list[tuple[int, ...] | PlacedText] = []
        spaced = False
        for number, part in enumerate(parts):
            if isinstance(part, Mask):
                found.append((self.mask_id,) * self.masks)
            elif isinstance(part, Slot):
                found.append(PlacedText(part.text, spaced))
            elif isinstance(part, Vectors):
                found.append(tuple(id for id, _ in next(vectors)))
            else:
                # There the white space belongs to what stands behind it; before a mask there is none (RoBERTa's own tokenizer).
                text = part.rstrip() if is_byte_level and number + 1 < len(parts) else part
                found.append(tuple(tokenizer.encode(text)) if text else ())
            spaced = is_byte_level and isinstance(part, str) and part != part.rstrip()
        return tuple(found)


def rule_of(prompts: Prompts, tokenizer: Any, labels: Sequence[str], max_seq_length: int, path: str) -> PromptRule:
    """The rule of a file's prompts.

    As in timoschick/pet (`get_verbalization_ids`), words of byte-level BPE have a space before them.

    Args:
      prompts: read.
      tokenizer: a `bert_tf2.text.tokenizer.Tokenizer`.
      labels: of the data, in the order of their ids.
      max_seq_length: the most ids of an input.
      path: the file, for messages.

    Raises:
      UserError: labels and verbalizers differ; a word is none of the vocabulary, or more than one token where it may not be; two
        labels have the same token; a pattern leaves no room for a text; or the vocabulary has no free tokens for its vectors.
    """
    named = f"--prompt_file={path}"
    if lacking := next((label for label in labels if label not in prompts.verbalizers), None):
        raise UserError(
            f"{named} has no verbalizer for the label '{lacking}'; its labels are {', '.join(prompts.verbalizers)}, "
            f"and the data's {', '.join(labels)}"
        )
    if unknown := next((label for label in prompts.verbalizers if label not in labels), None):
        raise UserError(
            f"{named} has verbalizers for '{unknown}', which is no label; the data's are {', '.join(labels)}: leave it out, or "
            "correct its name"
        )
    encode = tokenizer.encode_word if isinstance(tokenizer, ByteLevelBPETokenizer) else tokenizer.encode
    owners: dict[tuple[int, ...], tuple[str, str]] = {}
    of_labels = []
    for label in labels:
        of_words = []
        for word in prompts.verbalizers[label]:
            ids = tuple(encode(word))
            tokens = " ".join(map(tokenizer.id_to_token, ids))
            if not ids or tokenizer.unk_id in ids:
                raise UserError(
                    f"{named}: '{word}', a verbalizer of '{label}', is no word of {tokenizer.file} "
                    f"({tokens or 'nothing is left of it'}); take another"
                )
            if len(ids) > 1 and not prompts.multi_token:
                raise UserError(
                    f"{named}: '{word}', a verbalizer of '{label}', is {len(ids)} tokens ({tokens}); take a word that is one, or "
                    "write multi_token: true into the file, for as many masks as the longest word has tokens"
                )
            other, former = owners.setdefault(ids, (label, word))
            refuse_shared(named, word, label, other)
            if former != word:
                raise UserError(
                    f"{named}: '{former}' and '{word}' of '{label}' are the same in {tokenizer.file} ({tokens}); keep one"
                )
            of_words.append(ids)
        of_labels.append(tuple(of_words))
    masks = max(len(ids) for words in of_labels for ids in words)
    ordered = dataclasses.replace(prompts, verbalizers={label: prompts.verbalizers[label] for label in labels})
    vectors = placed_vectors(prompts, tokenizer, named)
    rule = PromptRule(ordered, mask_id_of(tokenizer), masks, tuple(of_labels), vectors)
    for number, pattern in enumerate(rule.encoded(tokenizer), 1):
        taken = pattern.fixed + pattern.special_tokens(tokenizer.template)
        if taken >= max_seq_length:
            raise UserError(
                f"{named}: pattern {number} has {taken} tokens without a text, special ones included, and "
                f"--max_seq_length={max_seq_length} leaves no room for one; raise it"
            )
    return rule
