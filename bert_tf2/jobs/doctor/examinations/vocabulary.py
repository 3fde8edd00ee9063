"""Whether the vocabulary is the model's, and the text in the form that it was learned from."""

import collections
import dataclasses
import os
import unicodedata
from collections.abc import Iterable, Iterator

from bert_tf2.data.records.metadata import MetaData
from bert_tf2.jobs.doctor.facts import Facts
from bert_tf2.jobs.doctor.findings import Finding, advice, ok, wrong
from bert_tf2.text.coverage import Coverage, measure
from bert_tf2.text.normalization import Normalization, basic_tokens
from bert_tf2.text.tokenizer import Tokenizer, load_tokenizer
from bert_tf2.text.vocabulary import is_cased, sentencepiece_model_in, vocabulary_in
from bert_tf2.text.wordpiece import WordPieceTokenizer

_MUCH_UNKNOWN, _SOME_UNKNOWN = 0.05, 0.01
_HARDLY_ANY, _ACCENTED = 0.002, 0.01
_SHOWN = 6


def examine(facts: Facts) -> Iterator[Finding]:
    """Casing, accents, unknown words, and the vocabulary that lies beside the weights."""
    tokenizer, meta, texts = facts.run.tokenizer, facts.run.meta, facts.train_texts
    cure = _Cure(facts.run.makes_records)
    yield from _beside_the_weights(facts, tokenizer, meta)
    if tokenizer is None:
        yield ok("no vocabulary is at hand, so words and casing were not looked at: give the records' by --vocab_file")
        return
    yield ok(f"{tokenizer.file}: {tokenizer.vocab_size:,} entries")
    if texts is None:
        yield from _of_records(facts, tokenizer, cure)
        return
    plain = [text for pair in texts for text in pair if text]
    (covered,) = measure([tokenizer], plain)
    found = [*_casing(tokenizer, plain, covered, cure)]
    yield from found
    yield from _unknown(tokenizer, plain, covered, bool(found))
    if not found:
        yield from _accents(tokenizer, plain)
        letters = "lower-cased" if tokenizer.do_lower_case else "as it is written"
        yield ok(
            f"the text is read {letters}: {covered.pieces_per_word:.2f} pieces a word, {covered.unknown_share:.2%} [UNK] "
            f"(the first {len(texts):,} training rows)"
        )


@dataclasses.dataclass(frozen=True)
class _Cure:
    """How to say what is to be done: with a flag of this command where it makes the records."""

    makes_records: bool

    def __call__(self, flag: str) -> str:
        return flag if self.makes_records else f"make the records again with {flag} (create_finetuning_data.py)"


def _casing(tokenizer: Tokenizer, texts: list[str], covered: Coverage, cure: _Cure) -> Iterator[Finding]:
    if not isinstance(tokenizer, WordPieceTokenizer):
        return
    cased = is_cased(tokenizer.id_to_token(id) for id in range(tokenizer.vocab_size))
    lower = tokenizer.do_lower_case
    if cased is None:
        return
    # Accents are kept or lost with the capitals, as Google's program does it.
    way = dataclasses.replace(tokenizer.normalization, do_lower_case=not lower, strip_accents=not lower)
    (other,) = measure([WordPieceTokenizer(tokenizer.source, way)], texts)
    now = f"{covered.pieces_per_word:.2f} pieces a word and {covered.unknown_share:.1%} [UNK]"
    then = f"{other.pieces_per_word:.2f} and {other.unknown_share:.1%}"
    if cased and lower:
        yield wrong(
            f"{tokenizer.file} is a cased vocabulary, but the text is lower-cased: {now}; as it is written {then}",
            cure("--nodo_lower_case"),
        )
    elif not cased and not lower:
        yield wrong(
            f"{tokenizer.file} is an uncased vocabulary, but the text keeps its capitals: {now}; lower-cased {then}",
            cure("--do_lower_case"),
        )
    elif cased and _capitals(texts) < _HARDLY_ANY:
        yield advice(
            f"the texts have no capital letters, and {tokenizer.file} is a cased vocabulary: names, and what else it knows with "
            f"a capital, fall into pieces ({covered.pieces_per_word:.2f} a word)",
            "an uncased model: its weights by --init_checkpoint, with its --bert_config_file and --vocab_file",
        )


def _capitals(texts: Iterable[str]) -> float:
    """The share of capitals among letters that have two cases."""
    counts = collections.Counter("".join(texts))
    both = sum(number for letter, number in counts.items() if letter.lower() != letter.upper())
    capital = sum(number for letter, number in counts.items() if letter != letter.lower())
    return capital / both if both else 1.0


def _unknown(tokenizer: Tokenizer, texts: list[str], covered: Coverage, told: bool) -> Iterator[Finding]:
    share = covered.unknown_share
    if told or share <= _SOME_UNKNOWN:
        return
    words: collections.Counter = collections.Counter()
    for text in texts:
        words.update(basic_tokens(text, tokenizer.normalization))
    lost = (word for word, _ in words.most_common() if tokenizer.unk_id in tokenizer.encode(word))
    shown = [word for word, _ in zip(lost, range(_SHOWN))]
    severity = wrong if share > _MUCH_UNKNOWN else advice
    yield severity(
        f"{share:.1%} of the tokens are [UNK], words that the vocabulary does not hold: {', '.join(shown)}",
        "a model of the text's language, or add the words: python -m bert_tf2.vocabulary --mode=add",
    )


def _accents(tokenizer: Tokenizer, texts: list[str]) -> Iterator[Finding]:
    share = sum(map(_has_accents, texts)) / max(len(texts), 1)
    if not isinstance(tokenizer, WordPieceTokenizer) or share < _ACCENTED:
        return
    known = sum(map(_has_accents, tokenizer.vocabulary))
    if tokenizer.normalization.strip_accents and known > tokenizer.vocab_size / 100:
        yield advice(
            f"{share:.0%} of the texts have letters with accents, which are stripped, but {known:,} entries of the vocabulary "
            "have them",
            "--strip_accents=false",
        )
    elif not tokenizer.normalization.strip_accents and not known:
        yield advice(
            f"{share:.0%} of the texts have letters with accents, which are kept, but no entry of the vocabulary has one",
            "--strip_accents",
        )


def _has_accents(text: str) -> bool:
    return not text.isascii() and any(unicodedata.category(mark) == "Mn" for mark in unicodedata.normalize("NFD", text))


def _of_records(facts: Facts, tokenizer: Tokenizer, cure: _Cure) -> Iterator[Finding]:
    """Records hold no text: what was unknown in them is still to be seen, and how they say they were made."""
    inputs = facts.inputs.get("train")
    if isinstance(tokenizer, WordPieceTokenizer):
        cased = is_cased(tokenizer.id_to_token(id) for id in range(tokenizer.vocab_size))
        if cased is not None and cased == tokenizer.do_lower_case:
            flag = "--nodo_lower_case" if cased else "--do_lower_case"
            form = "lower-cased" if cased else "with its capitals"
            yield wrong(
                f"{tokenizer.file} is {'a cased' if cased else 'an uncased'} vocabulary, but the records hold text {form}",
                cure(flag),
            )
    if inputs is None:
        return
    total = sum(map(len, inputs.ids))
    unknown = sum(int((ids == tokenizer.unk_id).sum()) for ids in inputs.ids)
    share = unknown / max(total, 1)
    if share > _SOME_UNKNOWN:
        severity = wrong if share > _MUCH_UNKNOWN else advice
        yield severity(
            f"{share:.1%} of the records' tokens are [UNK]",
            "make the records again with the vocabulary and casing of the model, or take a model of the text's language",
        )
    else:
        yield ok(f"{share:.2%} of the records' tokens are [UNK]")


def _beside_the_weights(facts: Facts, tokenizer: Tokenizer | None, meta: MetaData | None) -> Iterator[Finding]:
    restored = facts.run.restored
    if restored is None:
        return
    folder = os.path.dirname(restored.loaded.path)
    pieces = sentencepiece_model_in(folder)
    path = vocabulary_in(folder) or pieces
    used = tokenizer.fingerprint if tokenizer is not None else None if meta is None else meta.vocab_fingerprint
    if path is None or used is None:
        return
    flag, kind = ("sp_model_file", "SentencePiece") if path == pieces else ("vocab_file", "WordPiece")
    there = load_tokenizer(
        vocab_file=None if path == pieces else path,
        sp_model_file=pieces if path == pieces else None,
        tokenization=kind,
        normalization=Normalization(),
    )
    if there.fingerprint == used:
        yield ok("it is the vocabulary that lies beside the weights")
        return
    what = "the records' vocabulary" if tokenizer is None else tokenizer.file
    yield wrong(
        f"{what} is another vocabulary than {path} beside the weights: the same ids mean other words there",
        f"--{flag}={path}" if facts.run.makes_records else f"make the records again with --{flag}={path}",
    )
