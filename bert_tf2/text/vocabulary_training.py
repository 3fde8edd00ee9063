"""Learns a vocabulary from text: WordPiece by the library `tokenizers`, SentencePiece by `sentencepiece`.

Both give the same vocabulary whenever they are given the same text. The WordPiece trainer alone would not: it numbers the
characters in the order of a hash table and breaks ties by these numbers, so here they are numbered beforehand.
"""

import collections
import io
import itertools
import re
from collections.abc import Iterable, Iterator

from bert_tf2.errors import UserError
from bert_tf2.progress import during
from bert_tf2.text.normalization import Normalization, basic_tokens, is_cjk, is_punctuation
from bert_tf2.text.sentencepiece import prepared
from bert_tf2.text.vocabulary import CLASSIFICATION, MASK, PADDING, SEPARATOR, UNKNOWN
from bert_tf2.text.wordpiece import MAX_CHARACTERS_PER_WORD

SPECIAL = (PADDING, UNKNOWN, CLASSIFICATION, SEPARATOR, MASK)
_THREADS = 4
# The trainer takes text; a word that occurs a million times is not given to it as one string.
_MOST_AT_ONCE = 1000


def unused_tokens(number: int) -> tuple[str, ...]:
    """The names of BERT's free slots: `[unused0]`, `[unused1]`, …"""
    return tuple(f"[unused{index}]" for index in range(number))


@during("counting words")
def count_words(texts: Iterable[str], normalization: Normalization) -> collections.Counter[str]:
    """How often each word and punctuation mark, as WordPiece gets them, stands in the texts."""
    counts: collections.Counter[str] = collections.Counter()
    for text in texts:
        counts.update(basic_tokens(text, normalization))
    return counts


def characters_of(counts: collections.Counter[str], coverage: float = 1.0) -> list[str]:
    """The most frequent characters that make up a share of a text, in the order of their code points."""
    times: collections.Counter[str] = collections.Counter()
    for word, count in counts.items():
        for character in word:
            times[character] += count
    wanted, taken, covered = coverage * times.total(), [], 0
    for character, count in sorted(times.items(), key=lambda entry: (-entry[1], entry[0])):
        if covered >= wanted:
            break
        taken.append(character)
        covered += count
    return sorted(taken)


@during("learning the vocabulary")
def train_wordpiece(
    counts: collections.Counter[str],
    vocab_size: int,
    normalization: Normalization,
    *,
    num_unused: int = 0,
    min_count: int = 2,
    character_coverage: float = 1.0,
) -> list[str]:
    """Learns the pieces of words that occur most often together, and with which a text is spelled in the fewest pieces.

    Args:
      counts: of `count_words`.
      vocab_size: the number of tokens; there are fewer where the text has no more.
      normalization: as for `count_words`; what is never split is one token each.
      num_unused: number of `[unusedN]` tokens.
      min_count: how often two pieces must stand together to become one.
      character_coverage: share of the text whose characters are tokens; words with others are [UNK].

    Returns:
      The tokens by id: special ones, whole ones, unused ones, characters, characters that go on a word (`##a`), pieces in the
      order in which they were found.

    Raises:
      UserError: `vocab_size` is too small for all of them but the pieces.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    words = collections.Counter({word: count for word, count in counts.items() if word not in normalization.never_split})
    characters = characters_of(words, character_coverage)
    # What is set apart from whatever surrounds it goes on no word.
    apart = {character for character in characters if is_punctuation(character)}
    if normalization.tokenize_chinese_chars:
        apart |= set(filter(is_cjk, characters))
    special = list(dict.fromkeys([*SPECIAL, *normalization.never_split, *unused_tokens(num_unused)]))
    inside = [f"##{character}" for character in characters if character not in apart]
    first = list(dict.fromkeys([*special, *characters, *inside]))
    if vocab_size < len(first):
        raise UserError(
            f"--vocab_size={vocab_size} is smaller than {len(special)} special tokens and {len(characters)} characters, "
            f"{len(inside)} of them inside words too; give at least {len(first)}, or leave rare characters out "
            "(--character_coverage=0.9995)"
        )
    known = set(characters)
    taken = ((word, count) for word, count in words.items() if known.issuperset(word) and len(word) <= MAX_CHARACTERS_PER_WORD)
    learner = Tokenizer(models.WordPiece(unk_token=UNKNOWN))
    learner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.WordPieceTrainer(vocab_size=vocab_size, min_frequency=min_count, special_tokens=first, show_progress=False)
    learner.train_from_iterator(_repeated(taken), trainer)
    ids = learner.get_vocab(with_added_tokens=False)
    return sorted(ids, key=ids.__getitem__)


def _repeated(counts: Iterable[tuple[str, int]]) -> Iterator[str]:
    for word, count in counts:
        for done in range(0, count, _MOST_AT_ONCE):
            yield " ".join(itertools.repeat(word, min(count - done, _MOST_AT_ONCE)))


@during("learning the vocabulary")
def train_sentencepiece(
    texts: Iterable[str],
    vocab_size: int,
    normalization: Normalization,
    *,
    num_unused: int = 0,
    character_coverage: float = 1.0,
) -> bytes:
    """Learns a unigram model with ALBERT's special pieces: <pad> 0, <unk> 1, [CLS] 2, [SEP] 3, [MASK] 4.

    Args:
      texts: held in memory while it lasts.
      vocab_size: the number of pieces; there are fewer where the text has no more.
      normalization: how text is prepared; what is never split is a symbol that the model finds anywhere in a text.
      num_unused: number of `[unusedN]` symbols.
      character_coverage: share of the text whose characters are pieces.

    Returns:
      The model file.

    Raises:
      UserError: `vocab_size` is too small for special pieces and characters, or a symbol cannot be met in prepared text.
    """
    import sentencepiece

    symbols = [*normalization.never_split, *unused_tokens(num_unused)]
    for symbol in symbols:
        if prepared(symbol, normalization) != symbol:
            raise UserError(
                f"--keep_tokens: '{symbol}' is '{prepared(symbol, normalization)}' when SentencePiece sees it, as the text is "
                "lower-cased or loses its accents; write it so, or set --nodo_lower_case"
            )
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(line for line in (prepared(text, normalization) for text in texts) if line),
            model_writer=model,
            vocab_size=vocab_size,
            hard_vocab_limit=False,
            character_coverage=character_coverage,
            max_sentence_length=1 << 20,
            num_threads=_THREADS,
            pad_id=0,
            unk_id=1,
            bos_id=-1,
            eos_id=-1,
            control_symbols=[CLASSIFICATION, SEPARATOR, MASK],
            user_defined_symbols=symbols,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise _refused(str(error), vocab_size) from None
    return model.getvalue()


def _refused(message: str, vocab_size: int) -> UserError:
    """What the library's message means for the command."""
    if found := re.search(r"smaller than required_chars\. \d+ vs (\d+)", message):
        return UserError(
            f"--vocab_size={vocab_size} is smaller than special pieces and characters; give more than {found[1]}, or leave rare "
            "characters out (--character_coverage=0.9995)"
        )
    return UserError(f"--vocab_size={vocab_size}: SentencePiece cannot learn it of this text: {message.splitlines()[0]}")
