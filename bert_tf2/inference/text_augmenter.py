"""Texts like given ones: some of their words replaced by what a masked language model guesses in their place.

TinyBERT's data augmentation (https://arxiv.org/abs/1909.10351, algorithm 1), in the form of its authors' program: guesses are of
the text as it was given, with the one word masked, so that all copies share them.
"""

import dataclasses
import functools
import itertools
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bert_tf2.data.examples import pack_ids
from bert_tf2.errors import UserError
from bert_tf2.inference.masked_language_model import MaskedLanguageModel
from bert_tf2.text.byte_level.tokenizer import ByteLevelBPETokenizer, token_text
from bert_tf2.text.placing import placing_tokenizer
from bert_tf2.text.tokenizer import mask_id_of
from bert_tf2.text.wordpiece import WordPieceTokenizer

if TYPE_CHECKING:
    import tensorflow as tf

Texts = tuple[str, str | None]
"""A text and None, or a pair of texts."""

_BEGINS = "▁"
_AT_ONCE = 256
# Of the guesses some are the word itself in other capitals.
_MORE = 3


@dataclasses.dataclass(frozen=True)
class AugmentOptions:
    """How texts are changed; the defaults are TinyBERT's.

    Attributes:
      num_copies: how many copies of each text are drawn (N_a); equal ones are left out.
      top_k: among how many guesses a word is drawn (K).
      replace_probability: of each word (p_t).
      seed: of what is drawn; the same texts in the same order give the same copies.
      max_seq_length: the longest input in tokens; words beyond it stay. None for the model's longest.
    """

    num_copies: int = 20
    top_k: int = 15
    replace_probability: float = 0.4
    seed: int = 0
    max_seq_length: int | None = 128


@dataclasses.dataclass(frozen=True)
class Augmented:
    """What became of a text or a pair.

    Attributes:
      copies: those that differ from it and from each other, in the order in which they were drawn.
      words: how many words it has.
      replaceable: how many of them are one token of the vocabulary, within the longest input, and so may be replaced.
    """

    copies: list[Texts]
    words: int
    replaceable: int


@dataclasses.dataclass(frozen=True)
class _Word:
    """A word that may be replaced: in which text, from where to where, at which place of the input, and what it is there."""

    text: int
    start: int
    end: int
    place: int
    id: int


@dataclasses.dataclass(frozen=True)
class _Input:
    """What the model is shown of a text or a pair, its words that may be replaced, and how many words it has."""

    ids: list[int]
    segments: list[int]
    words: list[_Word]
    count: int


class TextAugmenter:
    """Makes copies of texts with other words.

        augmenter = TextAugmenter.from_checkpoint("bert", num_copies=3)
        augmenter.augment("the film is a delight")

    A word is what consists of letters. One that is several tokens of the vocabulary stays: TinyBERT takes neighbours of GloVe's
    vectors for it, which belong to no checkpoint. Guesses are whole words, too, without the word itself, however it is
    capitalised; in the place of a capitalised word a model that knows no capitals gives a capitalised one.

    Args:
      model: guesses.
      options: how texts are changed.
      batch_size: how many inputs go through the model at a time.
    """

    def __init__(self, model: MaskedLanguageModel, options: AugmentOptions | None = None, batch_size: int = 64):
        self._model, self._options, self._batch_size = model, options or AugmentOptions(), batch_size
        tokenizer = model.tokenizer
        self._mask_id, self._place = mask_id_of(tokenizer), placing_tokenizer(tokenizer)
        self._longest = min(self._options.max_seq_length or model.longest, model.longest)
        tokens = [self._spelled(tokenizer.id_to_token(id)) for id in range(tokenizer.vocab_size)]
        self._spaced = np.array([token.startswith(" ") for token in tokens])
        self._tokens = [token.removeprefix(" ") for token in tokens]
        # WordPiece says of continuations that they are; others of what begins a word behind a space.
        self._continues = np.array([token.startswith("##") for token in tokens])
        self._is_word = np.array([_is_word(token) for token in self._tokens])

    @classmethod
    def from_checkpoint(
        cls, path: str, options: AugmentOptions | None = None, batch_size: int = 64, **beside_model: Any
    ) -> "TextAugmenter":
        """Loads the model.

        Args:
          path, beside_model: see `MaskedLanguageModel.from_checkpoint`.
          options, batch_size: see the class.

        Raises:
          UserError: as `MaskedLanguageModel.from_checkpoint`.
        """
        return cls(MaskedLanguageModel.from_checkpoint(path, **beside_model), options, batch_size)

    def augment(self, text: str) -> list[str]:
        """The copies of one text."""
        (found,) = self.augmented([(text, None)])
        return [copy for copy, _ in found.copies]

    def augmented(self, texts: Iterable[Texts]) -> Iterator[Augmented]:
        """The copies of texts or pairs in their order, some texts at a time.

        Raises:
          UserError: the longest input has no room for a token.
        """
        special = self._model.tokenizer.template.special_tokens_of_pair
        if self._longest <= special:
            raise UserError(f"--max_seq_length={self._longest} has no room for words; it must be greater than {special}")
        numbered = enumerate(texts)
        while some := list(itertools.islice(numbered, _AT_ONCE)):
            yield from self._of_some(some)

    def _of_some(self, texts: Sequence[tuple[int, Texts]]) -> Iterator[Augmented]:
        inputs = [self._input(pair) for _, pair in texts]
        draws = [self._draws(number, len(one.words)) for (number, _), one in zip(texts, inputs)]
        # A word that no copy replaces needs no guess.
        wanted = [
            (row, word) for row, (replaced, _) in enumerate(draws) for word in np.flatnonzero(replaced.any(axis=0)).tolist()
        ]
        guesses = dict(zip(wanted, self._guesses([(inputs[row], inputs[row].words[word]) for row, word in wanted])))
        for row, (_, pair) in enumerate(texts):
            words = inputs[row].words
            copies = dict.fromkeys(self._copy(row, pair, words, guesses, *one) for one in zip(*draws[row]))
            copies.pop(pair, None)
            yield Augmented(list(copies), inputs[row].count, len(words))

    def _draws(self, number: int, words: int) -> tuple[np.ndarray, np.ndarray]:
        """For each copy and word of a text whether it is replaced, and by which guess: bool and int64 [copies, words]."""
        options = self._options
        random = np.random.Generator(np.random.Philox(key=[options.seed & 0xFFFFFFFFFFFFFFFF, number]))
        shape = options.num_copies, words
        return random.random(shape) < options.replace_probability, random.integers(0, options.top_k, shape)

    def _copy(
        self,
        row: int,
        pair: Texts,
        words: Sequence[_Word],
        guesses: dict[tuple[int, int], list[str]],
        replaced: np.ndarray,
        which: np.ndarray,
    ) -> Texts:
        changed = list(pair)
        # From the end, so that what is before stays in its place.
        for number in np.flatnonzero(replaced)[::-1].tolist():
            word, found = words[number], guesses[row, number]
            if found:
                text = changed[word.text] or ""
                guess = self._capitalised(found[which[number] % len(found)], text[word.start : word.end])
                changed[word.text] = text[: word.start] + guess + text[word.end :]
        return changed[0] or "", changed[1]

    def _capitalised(self, guess: str, word: str) -> str:
        """A guess with capitals as the word has them, where the model knows none."""
        if not self._model.tokenizer.do_lower_case or not word[0].isupper():
            return guess
        return guess.upper() if len(word) > 1 and word.isupper() else guess.capitalize()

    def _input(self, pair: Texts) -> _Input:
        texts = [text for text in pair if text is not None]
        placed = [self._place(text) for text in texts]
        template, ids = self._model.tokenizer.template, [one.ids.tolist() for one in placed]
        packed, first, _ = pack_ids(ids[0], ids[1] if len(ids) > 1 else [], template, self._longest)
        # The same once more, with numbers below 0 in the place of ids, tells where each of them went.
        end = -sum(map(len, ids))
        numbers = [list(range(end, end + len(ids[0]))), list(range(end + len(ids[0]), 0))]
        places, _, _ = pack_ids(numbers[0], numbers[1], template, self._longest)
        place_of = {number: place for place, number in enumerate(places) if number < 0}
        words = []
        for of_text, (text, tokens, its) in enumerate(zip(texts, placed, numbers)):
            for index, start, end in self._whole_words(text, tokens):
                if (place := place_of.get(its[index])) is not None:
                    words.append(_Word(of_text, start, end, place, int(tokens.ids[index])))
        return _Input(packed, template.segment_ids(first, len(packed)), words, sum(map(_count_words, texts)))

    def _whole_words(self, text: str, tokens: Any) -> Iterator[tuple[int, int, int]]:
        """The tokens that are a word each: their numbers, and from where to where the word stands in the text."""
        ids, starts, ends = tokens.ids, tokens.starts.tolist(), tokens.ends.tolist()
        last = len(ids) - 1
        for index in np.flatnonzero(self._is_word[ids] & ~self._continues[ids]).tolist():
            start, end = starts[index], ends[index]
            while start < end and text[start].isspace():
                start += 1
            before = start and text[start - 1].isalnum() and not self._begins(ids[index])
            after = end < len(text) and text[end].isalnum() and (index == last or not self._begins(ids[index + 1]))
            if _is_word(text[start:end]) and not before and not after:
                yield index, start, end

    def _begins(self, id: int) -> bool:
        """Whether a token begins a word where a letter stands before it."""
        return bool(~self._continues[id] if self._is_wordpiece else self._spaced[id])

    @functools.cached_property
    def _is_wordpiece(self) -> bool:
        return isinstance(self._model.tokenizer, WordPieceTokenizer)

    def _spelled(self, token: str) -> str:
        """A token as it stands in a text, with its space."""
        if isinstance(self._model.tokenizer, ByteLevelBPETokenizer):
            return token_text(token)
        return token if isinstance(self._model.tokenizer, WordPieceTokenizer) else token.replace(_BEGINS, " ")

    def _guesses(self, wanted: Sequence[tuple[_Input, _Word]]) -> list[list[str]]:
        """For each input and one of its words what may stand in its place, the likeliest first."""
        found: list[list[str]] = [[] for _ in wanted]
        order = sorted(range(len(wanted)), key=lambda number: len(wanted[number][0].ids))
        for first in range(0, len(order), self._batch_size):
            some = order[first : first + self._batch_size]
            for number, tokens in zip(some, self._likeliest([wanted[one] for one in some])):
                found[number] = self._fitting(tokens, wanted[number][1])
        return found

    def _fitting(self, tokens: Sequence[int], word: _Word) -> list[str]:
        itself = self._tokens[word.id].casefold()
        spellings = [self._tokens[token] for token in tokens if token >= 0]
        return [one for one in spellings if one.casefold() != itself][: self._options.top_k]

    def _likeliest(self, some: Sequence[tuple[_Input, _Word]]) -> list[list[int]]:
        """The likeliest words in the place of one of each input; fewer where there are fewer, then -1."""
        length = max(len(one.ids) for one, _ in some)
        ids: np.ndarray = np.full((len(some), length), self._model.tokenizer.pad_id, np.int32)
        mask, types = np.zeros_like(ids), np.zeros_like(ids)
        for row, (one, word) in enumerate(some):
            used = slice(len(one.ids))
            ids[row, used], mask[row, used], types[row, used] = one.ids, 1, one.segments
            ids[row, word.place] = self._mask_id
        places = np.array([[word.place] for _, word in some], np.int32)
        spaced = np.array([self._spaced[word.id] for _, word in some])
        values, tokens = self._best(ids, mask, types, places, spaced)
        return np.where(np.isfinite(values.numpy()), tokens.numpy(), -1).tolist()

    @functools.cached_property
    def _best(self) -> Any:
        import tensorflow as tf

        encoder, masked_lm = self._model.encoder, self._model.masked_lm
        may = tf.constant(np.stack([self._is_word & ~self._continues & (self._spaced == spaced) for spaced in (False, True)]))
        size, top_k = may.shape[1], min(self._options.top_k + _MORE, may.shape[1])

        @tf.function(
            input_signature=[*[tf.TensorSpec([None, None], tf.int32)] * 4, tf.TensorSpec([None], tf.bool)], autograph=False
        )
        def best(ids: "tf.Tensor", mask: "tf.Tensor", types: "tf.Tensor", places: "tf.Tensor", spaced: "tf.Tensor") -> Any:
            inputs = {"input_word_ids": ids, "input_mask": mask, "input_type_ids": types, "output_positions": places}
            sequence = encoder(inputs, training=False)["sequence_output"]
            logits = masked_lm.logits(sequence, tf.range(tf.shape(ids)[0]))[:, :size]
            return tf.math.top_k(tf.where(tf.gather(may, tf.cast(spaced, tf.int32)), logits, -np.inf), top_k)

        return best


def _is_word(text: str) -> bool:
    """Whether a text is letters, with marks on them or none."""
    if text.isascii():
        return text.isalpha()
    kinds = [unicodedata.category(character)[0] for character in text]
    return kinds[0] == "L" and set(kinds) <= {"L", "M"}


def _count_words(text: str) -> int:
    """How many stretches of letters a text has."""
    return sum(is_letter for is_letter, _ in itertools.groupby(text, key=lambda one: unicodedata.category(one)[0] in "LM"))
