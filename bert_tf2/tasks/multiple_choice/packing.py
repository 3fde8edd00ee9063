"""Questions with choices -> ids: one input for each choice, of which only the context may be cut.

The layout and the cuts are those of ALBERT's `run_race.py`: the context, then question and choice as one text, for BERT
`[CLS] context [SEP] question choice [SEP]`.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from bert_tf2.data.encoding import id_encoder
from bert_tf2.tasks.multiple_choice.examples import ChoiceExample, name_of
from bert_tf2.tasks.multiple_choice.packing_options import PackingOptions
from bert_tf2.text.template import TextTemplate


@dataclasses.dataclass(frozen=True)
class PackedChoices:
    """The inputs of one question.

    Attributes:
      ids: the token ids of each choice's input.
      first: how many of them belong to the first segment, by choice.
      context_is_cut, question_is_cut: whether tokens of the context, or of a question with its choice, were left out.
      is_ambiguous: two choices have the same ids.
    """

    ids: list[list[int]]
    first: list[int]
    context_is_cut: bool
    question_is_cut: bool
    is_ambiguous: bool


class ChoicePacker:
    """Makes the inputs of questions.

    Args:
      tokenizer: a `bert_tf2.text.tokenizer.Tokenizer`.
      options: how they are cut.
    """

    def __init__(self, tokenizer: Any, options: PackingOptions):
        self._template: TextTemplate = tokenizer.template
        self._encode, self._options = id_encoder(tokenizer), options.of(self._template)

    def __call__(self, examples: Sequence[ChoiceExample]) -> list[PackedChoices | str]:
        """The inputs of each example, or why it cannot be used."""
        inputs = [example.inputs() for example in examples]
        # Questions on one text stand together.
        texts = list(dict.fromkeys(text for first, seconds, _ in inputs for text in (first, *seconds)))
        ids, lengths = self._encode(texts)
        ends = np.cumsum(lengths)
        of_text = dict(zip(texts, np.split(ids, ends[:-1])))
        return [
            self._packed(of_text[first].tolist(), [of_text[text].tolist() for text in seconds], is_context)
            for first, seconds, is_context in inputs
        ]

    def _packed(self, first: list[int], seconds: list[list[int]], is_context: bool) -> PackedChoices | str:
        empty = next((number for number, ids in enumerate(seconds) if not ids), None)
        if empty is not None:
            return f"choice {name_of(empty)} has no token"
        packed, parts, context_is_cut, question_is_cut = [], [], False, False
        for number, second in enumerate(seconds):
            question = [] if is_context else first
            asked = len(question) + len(second)
            most = self._options.max_qa_length
            if most is None and asked > self._options.room:
                return (
                    f"the question with choice {name_of(number)} has {asked} tokens, but --max_seq_length="
                    f"{self._options.max_seq_length} has room for {self._options.room}; raise it, or cut question and choice "
                    "to their last tokens by --max_qa_length"
                )
            kept = asked if most is None else min(asked, most)
            question_is_cut |= kept < asked
            second = second[-kept:]
            if is_context:
                before = first[: self._options.room - kept]
                context_is_cut |= len(before) < len(first)
            else:
                before = question[max(len(question) - (kept - len(second)), 0) :]
            packed.append(self._template.packed(before, second))
            parts.append(len(before) + self._template.before_second)
        is_ambiguous = len(set(map(tuple, packed))) < len(packed)
        return PackedChoices(packed, parts, context_is_cut, question_is_cut, is_ambiguous)
