"""A processor's examples -> records of texts in patterns: an input for each pattern, beside the label."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from bert_tf2.data.processors import DataProcessor
from bert_tf2.data.records.feature_spec import FeatureSpec
from bert_tf2.data.records.metadata import PROMPT_CLASSIFICATION
from bert_tf2.data.records.wire_format import ExampleEncoder
from bert_tf2.errors import UserError
from bert_tf2.tasks.classification.features import classification_features
from bert_tf2.tasks.classification.long_texts.encoding import several_inputs
from bert_tf2.tasks.classification.long_texts.rule import Packed
from bert_tf2.tasks.classification.preparation import ClassificationPreparation
from bert_tf2.tasks.classification.prompting.packing import text_packer
from bert_tf2.tasks.classification.prompting.rule import PROMPTS, PromptRule
from bert_tf2.tasks.classification.split_encoding import SplitEncoder
from bert_tf2.tasks.classification.statistics import LabelStatistics
from bert_tf2.tasks.preparation import Split

TEXTS = FeatureSpec("texts", "string", shape=("texts",), optional=True)


def prompt_features(weighted: bool = False) -> list[FeatureSpec]:
    """The features of a record: those of `classification_features` with an input for each pattern, int32 [B, P, L]; and the texts
    as they were, for people, which records to train on lack."""
    return [*classification_features("class", weighted=weighted, in_windows=True), TEXTS]


@dataclasses.dataclass(frozen=True)
class InPatterns:
    """A text or a pair in all patterns.

    Attributes:
      inputs: their ids.
      texts: as they were.
    """

    inputs: Packed
    texts: tuple[str, ...]


class PromptStatistics(LabelStatistics):
    """Counts over the examples of one split; lengths are those of the longest input of each.

    Attributes:
      text_tokens: of the texts alone.
    """

    text_tokens = 0

    @property
    def lost_fraction(self) -> float:
        """Share of the texts' tokens that stand in no input."""
        return self.lost_tokens / max(self.text_tokens, 1)

    def _keeping(self) -> str:
        return "a greater one keeps them"


class PromptPreparation(ClassificationPreparation):
    """Texts, or pairs of texts, with classes.

    Args:
      processor: gives the examples; see `ClassificationPreparation`.
      data_dir: handed to the processor.
      tokenizer: a `bert_tf2.text.tokenizer.Tokenizer`.
      max_seq_length: the most tokens of an input.
      rule: from the labels, in the order of their ids, to the rule of patterns and verbalizers.
      absent_label: what to do about a label that no labelled row has, for the error; None where that is none.

    Raises:
      UserError: data without classes; or as `rule`.
    """

    def __init__(
        self,
        processor: DataProcessor,
        data_dir: str | None,
        tokenizer: Any,
        max_seq_length: int,
        rule: Callable[[Sequence[str]], PromptRule],
        absent_label: str | None = None,
    ):
        if processor.is_regression or processor.is_multi_label:
            form = "numbers" if processor.is_regression else "any number of labels for a text"
            raise UserError(f"{processor.name()} has {form}, and patterns tell one label of several; use another kind of task")
        self.rule = rule(processor.get_labels() or [])
        self._absent_label = absent_label
        super().__init__(processor, data_dir, tokenizer, max_seq_length)
        self.task_type, self.features = PROMPT_CLASSIFICATION, prompt_features(self.weighted)

    def _input_encoder(self) -> Callable:
        special, longest = self.tokenizer.template, self.max_seq_length
        pack = text_packer(self.rule, self.tokenizer, longest)

        def encode(texts_a: Sequence[str], texts_b: Sequence[str | None]) -> list[tuple[Any, int, int, int]]:
            found: list[tuple[Any, int, int, int]] = []
            for text_a, text_b, inputs in zip(texts_a, texts_b, pack(texts_a, texts_b)):
                if isinstance(inputs, str):
                    found.append((inputs, longest, -1, 0))
                else:
                    length = max(map(len, inputs.ids)) if inputs.tokens else special.special_tokens
                    texts = (text_a,) if text_b is None else (text_a, text_b)
                    found.append((InPatterns(inputs, texts), length, -1, inputs.lost))
            return found

        return encode

    @property
    def _split_encoder(self) -> type[SplitEncoder]:
        return PromptEncoder

    def _statistics(self) -> LabelStatistics:
        return PromptStatistics(self.max_seq_length, self.labels)

    def check(self, splits: Sequence[Split]) -> None:
        """Refuses verbalizers of a label that no row has.

        Raises:
          UserError: there are such, and the labels were not named.
        """
        labelled = [split for split in splits if split.statistics.labelled]
        if self._absent_label is None or not labelled:
            return
        there = {label for split in labelled for label in split.statistics.present_labels()}
        if absent := next((label for label in self.labels if label not in there), None):
            raise UserError(
                f"no row of {', '.join(split.name for split in labelled)} has the label '{absent}', which has verbalizers; "
                f"{self._absent_label}"
            )

    def facts(self, splits: Sequence[Split]) -> dict[str, Any]:
        """As there, with patterns and verbalizers."""
        return {**super().facts(splits), "has_pairs": self.rule.prompts.has_pairs, PROMPTS: self.rule.facts}

    def warnings(self, splits: Sequence[Split]) -> list[str]:
        """As there, and of patterns with signs that the vocabulary lacks."""
        unknown = self.tokenizer.unk_id
        patterns = zip(self.rule.prompts.patterns, self.rule.encoded(self.tokenizer))
        found = [
            f"the pattern '{pattern}' has a word or sign that is not in {self.tokenizer.file}"
            for pattern, encoded in patterns
            if any(unknown in part for segment in encoded.segments for part in segment if isinstance(part, tuple))
        ]
        return found + super().warnings(splits)

    def summary(self, split: Split) -> list[str]:
        """As there, and how many inputs a text is."""
        first, *others = super().summary(split)
        number = len(self.rule.prompts.patterns)
        masks = f" with {self.rule.masks} masks" if self.rule.masks > 1 else ""
        return [f"{first}, in {number} pattern{'s' if number > 1 else ''}{masks}", *others]


class PromptEncoder(SplitEncoder):
    """Encodes the examples of a split in patterns; arguments as of `SplitEncoder`."""

    def __init__(self, split: Split, *settings: Any):
        self._keeps_texts = split.name != "train"
        super().__init__(split, *settings)

    def _serializer(
        self, encoder: ExampleEncoder, is_regression: bool
    ) -> Callable[[Sequence[Any], Sequence[tuple]], list[bytes]]:
        del is_regression

        def record(placed: InPatterns, row: tuple) -> bytes:
            features = several_inputs(placed.inputs, row, self._template, self._weighted)
            return encoder.encode(features | {"texts": list(placed.texts)} if self._keeps_texts else features)

        return lambda payloads, rows: list(map(record, payloads, rows))

    def _count_tokens(self, payloads: Sequence[InPatterns]) -> None:
        counts: Any = self._counts
        for placed in payloads:
            counts.text_tokens += placed.inputs.tokens
            counts.unknown_tokens += placed.inputs.ids[0].count(self._tokenizer.unk_id)
