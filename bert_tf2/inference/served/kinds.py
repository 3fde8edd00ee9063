"""The kinds of models that are served."""

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from bert_tf2.errors import JobError, UserError
from bert_tf2.inference.choice_selector import Choice
from bert_tf2.inference.entity_tagger import EntityTagger
from bert_tf2.inference.mask_filler import MaskFiller
from bert_tf2.inference.question_answerer import QuestionAnswerer
from bert_tf2.inference.served.served_model import ServedModel, as_texts, check_keys, named, shown, text_or_pair
from bert_tf2.inference.text_classifier import TextClassifier
from bert_tf2.inference.vectors.inputs import TokenIds
from bert_tf2.inference.vectors.text_encoder import TextEncoder
from bert_tf2.model_directory.exported_models import text_tensor
from bert_tf2.options import required

_TEXT_OR_PAIR = 'a text, a list of two, or an object {"text": …, "text_b": …}'
_TEXT = 'a text, or an object {"text": …}'
_CANDIDATES = 5
_UNKNOWN = ("[UNK]", "<unk>")
_CHARACTERS_OF_TOKEN = 4


class ServedVectors(ServedModel):
    """Vectors of texts or pairs: lists of numbers."""

    kind = "vectors"
    takes = _TEXT_OR_PAIR
    example = "a"

    def __init__(self, name: str, encoder: TextEncoder):
        super().__init__(name)
        self._encoder = encoder

    @property
    def about(self) -> dict[str, Any]:
        settings = self._encoder.settings
        return {
            "dimension": self._encoder.dimension,
            "pooling": settings.pooling,
            "normalize": settings.normalize,
            "max_seq_length": self._encoder.max_seq_length,
        }

    def check(self, instance: Any) -> TokenIds | tuple[str, str | None]:
        if isinstance(instance, dict) and "tokens" in instance:
            return self._ids(instance)
        return text_or_pair(instance, None, self.takes)

    def length(self, prepared: Any) -> int:
        return len(prepared.ids) * _CHARACTERS_OF_TOKEN if isinstance(prepared, TokenIds) else super().length(prepared)

    def _ids(self, instance: dict[str, Any]) -> TokenIds:
        """The ids of an object with the vocabulary's tokens; what is none of them is unknown, as BERT has it."""
        check_keys(instance, ["tokens"])
        tokens = instance["tokens"]
        if not isinstance(tokens, list) or not tokens or not all(isinstance(token, str) for token in tokens):
            raise UserError(f"'tokens' must be a list of tokens; got {named(tokens)}")
        unknown = next((self._numbers[token] for token in _UNKNOWN if token in self._numbers), None)
        missing = next((token for token in tokens if token not in self._numbers), None)
        if missing is not None and unknown is None:
            raise UserError(f"'{shown(missing)}' is no token of the vocabulary")
        return TokenIds(tuple(self._numbers[token] if token in self._numbers else required(unknown) for token in tokens))

    @functools.cached_property
    def _numbers(self) -> dict[str, int]:
        tokenizer = self._encoder.tokenizer
        return {tokenizer.id_to_token(number): number for number in range(tokenizer.vocab_size)}

    def predict(self, prepared: Sequence[Any]) -> list[Any]:
        return self._encoder.encode(prepared, batch_size=len(prepared)).tolist()


class ServedVectorExport(ServedModel):
    """Vectors of texts by the export of a model that was trained for them, `NAME_text`."""

    kind = "vectors"
    takes = _TEXT
    example = "a"

    def __init__(self, name: str, loaded: Any, normalize: bool):
        super().__init__(name)
        # The signature alone does not keep the variables alive.
        self._loaded = loaded
        self._signature = loaded.signatures["serving_default"]
        self._output = "normalized_embedding" if normalize else "embedding"

    def check(self, instance: Any) -> str:
        return text_or_pair(instance, False, self.takes)[0]

    def predict(self, prepared: Sequence[Any]) -> list[Any]:
        vectors = self._signature(text=text_tensor(prepared))[self._output].numpy().tolist()
        if not all(map(math.isfinite, itertools.chain.from_iterable(vectors))):
            raise JobError("the model's vectors are not finite; its weights are not usable")
        return vectors


class ServedClassifier(ServedModel):
    """Classes of texts or pairs, or numbers: an object with `label` and `probabilities`, `labels`, or `score`."""

    kind = "classifier"
    takes = _TEXT_OR_PAIR

    def __init__(self, name: str, classifier: TextClassifier):
        super().__init__(name)
        self._classifier = classifier

    @property
    def about(self) -> dict[str, Any]:
        return {"labels": list(self._classifier.labels), "takes_pairs": self._classifier.has_pairs}

    @property
    def example(self) -> Any:
        return ["a", "a"] if self._classifier.has_pairs else "a"

    def check(self, instance: Any) -> tuple[str, str | None]:
        return text_or_pair(instance, self._classifier.has_pairs, self.takes)

    def predict(self, prepared: Sequence[Any]) -> list[Any]:
        found = self._classifier.predict_all(prepared, batch_size=len(prepared))
        return [_without_nothing(dataclasses.asdict(one)) for one in found]


class ServedTagger(ServedModel):
    """Entities of texts: lists of objects with `type`, `text`, `start`, `end` and `probability`."""

    kind = "entities"
    takes = _TEXT
    example = "a"

    def __init__(self, name: str, tagger: EntityTagger):
        super().__init__(name)
        self._tagger = tagger

    def check(self, instance: Any) -> str:
        return text_or_pair(instance, False, self.takes)[0]

    def predict(self, prepared: Sequence[Any]) -> list[Any]:
        found = self._tagger.tag_all(prepared, batch_size=len(prepared))
        return [[dataclasses.asdict(entity) for entity in entities] for entities in found]


class ServedAnswerer(ServedModel):
    """Answers to questions from contexts: objects with `text`, `score`, `start` and `end`."""

    kind = "questions"
    takes = 'an object {"question": …, "context": …}'
    example = {"question": "a", "context": "a"}  # noqa: RUF012 (nobody changes it)

    def __init__(self, name: str, answerer: QuestionAnswerer):
        super().__init__(name)
        self._answerer = answerer

    def check(self, instance: Any) -> tuple[str, str]:
        found = as_texts(instance, ["question", "context"])
        for key, value in found.items():
            if not value.strip():
                raise UserError(f"'{key}' is an empty text")
        return found["question"], found["context"]

    def predict(self, prepared: Sequence[Any]) -> list[Any]:
        found = self._answerer.answer_all(prepared, batch_size=len(prepared))
        return [_without_nothing(dataclasses.asdict(one)) for one in found]


class ServedMaskFiller(ServedModel):
    """The likeliest tokens for each [MASK] of a text: a list for each, of objects with `token`, `probability` and `text`."""

    kind = "fill_mask"
    takes = _TEXT
    example = "a [MASK]"

    def __init__(self, name: str, filler: MaskFiller):
        super().__init__(name)
        self._filler = filler

    def check(self, instance: Any) -> str:
        text, _ = text_or_pair(instance, False, self.takes)
        # Refuses what holds no [MASK], or is too long.
        self._filler.encoded(text)
        return text

    def predict(self, prepared: Sequence[Any]) -> list[Any]:
        found = self._filler.fill_all(prepared, _CANDIDATES, batch_size=len(prepared))
        return [[[dataclasses.asdict(one) for one in candidates] for candidates in of_text] for of_text in found]


class Selector(Protocol):
    """What chooses among answers."""

    def choose_all(self, questions: Iterable[tuple[str, str, Sequence[str]]], batch_size: int = 16) -> list[Choice]:
        """As `ChoiceSelector.choose_all`."""


class ServedSelector(ServedModel):
    """The best of several answers: an object with `number` (from 0), `text`, `probability` and `probabilities`."""

    kind = "multiple_choice"
    takes = 'an object {"question": …, "choices": [… , …], "context": …}'
    example = {"question": "a", "choices": ["a", "b"]}  # noqa: RUF012 (nobody changes it)

    def __init__(self, name: str, selector: Selector):
        super().__init__(name)
        self._selector = selector

    def check(self, instance: Any) -> tuple[str, str, list[str]]:
        check_keys(instance, ["question", "choices"], ["context"])
        choices = instance["choices"]
        texts = as_texts({key: value for key, value in instance.items() if key != "choices"}, ["question"], ["context"])
        if not isinstance(choices, list) or len(choices) < 2:
            raise UserError(f"'choices' must be a list of at least two texts; got {named(choices)}")
        for number, choice in enumerate(choices):
            if not isinstance(choice, str) or not choice.strip():
                got = "an empty text" if isinstance(choice, str) else named(choice)
                raise UserError(f"'choices'[{number}] must be a text; got {got}")
        if not texts["question"].strip() and not texts.get("context", "").strip():
            raise UserError("question and context are both empty")
        return texts.get("context", ""), texts["question"], choices

    def predict(self, prepared: Sequence[Any]) -> list[Any]:
        return [dataclasses.asdict(one) for one in self._selector.choose_all(prepared, batch_size=len(prepared))]


def _without_nothing(found: dict[str, Any]) -> dict[str, Any]:
    """Without what the kind of model does not give."""
    return {name: value for name, value in found.items() if value is not None and value != {}}
