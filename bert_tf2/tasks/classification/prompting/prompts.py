"""What is put around texts, and which words stand for labels: patterns and verbalizers, from a file.

    patterns: ["{text} It was [MASK].", "[MASK]! {text}"]
    verbalizers: {pos: [good, great], neg: [bad]}

A pattern may hold vectors that are trained, [P], beside its words (Liu et al. 2021, https://arxiv.org/abs/2103.10385).

(Schick and Schütze 2021, https://arxiv.org/abs/2001.07676, section 3.)
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bert_tf2 import files
from bert_tf2.data.sources.yaml_tree import composed, mapping, scalar_text
from bert_tf2.errors import UserError, did_you_mean
from bert_tf2.text.vocabulary import MASK, SEPARATOR

if TYPE_CHECKING:
    import yaml

_KEYS = ("patterns", "verbalizers", "multi_token")
_SLOTS = {"text": 0, "text_a": 0, "text_b": 1}
# [P], [P*5], [P:It was]; and what is near enough to be meant for one.
_VECTORS = re.compile(r"\[P(?:\*([1-9]\d{0,4})|:([^\[\]]*\S[^\[\]]*))?\]")
_NEARLY_VECTORS = r"\[[Pp](?:[\s\d*:_][^\[\]]*)?\]"
_SIGNS = re.compile(rf"(\{{[^{{}}]*\}}|{re.escape(MASK)}|{re.escape(SEPARATOR)}|{_NEARLY_VECTORS})")
_WORDS = "a word or a list of words"
_TRUTHS = {"true": True, "false": False}


@dataclasses.dataclass(frozen=True)
class Slot:
    """Where a text stands in a pattern.

    Attributes:
      text: 0 for the first of a pair, or the only one; 1 for the second.
    """

    text: int


class Mask:
    """Where the words of labels stand in a pattern."""


@dataclasses.dataclass(frozen=True)
class Vectors:
    """Where vectors stand in a pattern that are trained.

    Attributes:
      words: what they begin as, a vector for each token; None for random ones.
      number: how many, where there are no words.
    """

    words: str | None = None
    number: int = 1


Part = str | Slot | Mask | Vectors
"""What a pattern is made of; a str stands in every input as it is."""


@dataclasses.dataclass(frozen=True)
class Prompts:
    """Patterns and verbalizers.

    Attributes:
      patterns: as they stand in the file.
      verbalizers: by label the words that stand for it.
      multi_token: whether a word may be several tokens; then there are as many masks as the longest has.
    """

    patterns: tuple[str, ...]
    verbalizers: Mapping[str, tuple[str, ...]]
    multi_token: bool = False

    @property
    def has_pairs(self) -> bool:
        """Whether they take two texts."""
        return Slot(1) in [part for segment in parts_of(self.patterns[0]) for part in segment]

    def vectors(self) -> list[list[Vectors]]:
        """By pattern the places of trained vectors, in their order."""
        parts = ([part for segment in parts_of(pattern) for part in segment] for pattern in self.patterns)
        return [[part for part in of_pattern if isinstance(part, Vectors)] for of_pattern in parts]


def parts_of(pattern: str) -> list[list[Part]]:
    """The parts of a pattern, segment by segment: what [SEP] parts is the second segment of an input."""
    segments: list[list[Part]] = [[]]
    for piece in filter(None, _SIGNS.split(pattern)):
        if piece == SEPARATOR:
            segments.append([])
        else:
            segments[-1].append(_part_of(piece))
    return segments


def _part_of(piece: str) -> Part:
    if piece == MASK:
        return Mask()
    if vectors := _VECTORS.fullmatch(piece):
        number, words = vectors.groups()
        return Vectors(words, int(number or 1))
    slot = _SLOTS.get(piece[1:-1]) if piece.startswith("{") else None
    return piece if slot is None else Slot(slot)


def read_prompts(path: str) -> Prompts:
    """Patterns and verbalizers of a YAML or JSON file.

    Raises:
      UserError: there is no such file, or it cannot be used; the message names the line.
    """
    path = files.require_file(path, "prompt_file")
    keys = mapping(composed(path), path, path, "patterns and verbalizers")
    for name, (_, place) in keys.items():
        if name not in _KEYS:
            raise UserError(f"{place}: unknown word '{name}'.{did_you_mean(name, _KEYS)} Such a file has {', '.join(_KEYS)}")
    for name in ("patterns", "verbalizers"):
        if name not in keys:
            raise UserError(
                f"{path} lacks '{name}', such as patterns: ['{{text}} It was {MASK}.'], verbalizers: {{pos: good, neg: bad}}"
            )
    patterns = _texts(*keys["patterns"], "patterns", "patterns are a list of texts")
    check_patterns(keys["patterns"][1], patterns)
    words = mapping(*keys["verbalizers"], path, f"under 'verbalizers' labels, each with {_WORDS}")
    verbalizers = {label: _texts(*where, label, f"a label has {_WORDS}") for label, where in words.items()}
    _check_words({label: where[1] for label, where in words.items()}, verbalizers)
    return Prompts(patterns, verbalizers, _truth(*keys["multi_token"]) if "multi_token" in keys else False)


def _texts(node: "yaml.Node", place: str, name: str, rule: str) -> tuple[str, ...]:
    import yaml

    nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
    found = tuple(scalar_text(one, f"{place}: '{name}' has", rule) or "" for one in nodes)
    if not found or not all(map(str.strip, found)):
        raise UserError(f"{place}: '{name}' holds nothing, or an empty text; {rule}")
    return found


def _truth(node: "yaml.Node", place: str) -> bool:
    text = (scalar_text(node, f"{place}: 'multi_token' is", "it must be true or false") or "null").lower()
    if text not in _TRUTHS:
        raise UserError(f"{place}: 'multi_token' must be true or false; got '{text}'")
    return _TRUTHS[text]


def check_patterns(place: str, patterns: Sequence[str]) -> None:
    """Checks what patterns hold.

    Args:
      place: where they are from, for messages.
      patterns: some.

    Raises:
      UserError: one is not such a text as a pattern has to be.
    """
    shown = []
    for number, pattern in enumerate(patterns, 1):
        where = f"{place}: pattern {number}, '{pattern}',"
        signs = _SIGNS.findall(pattern)
        slots = [sign[1:-1] for sign in signs if sign.startswith("{")]
        unknown = next((slot for slot in slots if slot not in _SLOTS), None)
        if unknown is not None:
            raise UserError(
                f"{where} has the unknown placeholder {{{unknown}}}.{did_you_mean(unknown, _SLOTS)} Known: {{text}}, or "
                "{text_a} and {text_b} of a pair"
            )
        for sign in signs:
            if sign[:2].upper() == "[P" and not _VECTORS.fullmatch(sign):
                raise UserError(f"{where} has '{sign}', which is none of [P], [P*5] and [P:It was]: vectors that are trained")
        if signs.count(MASK) != 1:
            raise UserError(
                f"{where} must hold {MASK} once, where the word of the label stands; it holds it {signs.count(MASK)} times"
            )
        if signs.count(SEPARATOR) > 1 or not all(any(map(_says, segment)) for segment in parts_of(pattern)):
            raise UserError(
                f"{where} may hold {SEPARATOR} once, between the two segments of the input, neither of which is empty"
            )
        texts = [_SLOTS[slot] for slot in slots]
        if 0 not in texts or len(set(texts)) != len(texts):
            raise UserError(f"{where} must hold each text once: {{text}}, or {{text_a}} and {{text_b}} of a pair")
        if pattern in patterns[: number - 1]:
            raise UserError(f"{where} stands there twice; keep one")
        shown.append(len(texts))
        if len(set(shown)) > 1:
            raise UserError(
                f"{where} does not show as many texts as pattern 1 does; a pair has {{text_a}} and {{text_b}} in every pattern"
            )


def _says(part: Part) -> bool:
    return not isinstance(part, str) or bool(part.strip())


def _check_words(places: Mapping[str, str], verbalizers: Mapping[str, Sequence[str]]) -> None:
    if len(verbalizers) < 2:
        raise UserError(
            f"{next(iter(places.values()))}: there are verbalizers of one label only; classification needs two or more"
        )
    owners: dict[str, str] = {}
    for label, words in verbalizers.items():
        for word in map(str.strip, words):
            refuse_shared(places[label], word, label, owners.setdefault(word, label))
        if len(set(map(str.strip, words))) < len(words):
            raise UserError(f"{places[label]}: '{label}' has a word twice; keep one")


def refuse_shared(place: str, word: str, label: str, other: str) -> None:
    """Refuses a word that stands for two labels.

    Args:
      place: where it stands, for messages.
      word: the word.
      label: what it stands for there.
      other: what it stands for before.

    Raises:
      UserError: these are two.
    """
    if other != label:
        raise UserError(
            f"{place}: '{word}' stands for '{label}' and for '{other}', which could not be told apart; take another word"
        )
