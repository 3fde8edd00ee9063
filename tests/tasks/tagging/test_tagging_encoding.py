"""Sentences as windows of pieces: every word has one tag, nothing is lost."""

import itertools

import pytest

from bert_tf2.tasks.tagging.encoding import SentenceEncoder, continuations
from bert_tf2.tasks.tagging.features import NO_TAG
from bert_tf2.tasks.tagging.sentences import Sentence, joined
from bert_tf2.text.wordpiece import WordPieceTokenizer

LABELS = ["O", "B-X", "I-X"]
IDS = {label: id for id, label in enumerate(LABELS)}


@pytest.fixture
def tokenizer(tiny_vocab_file):
    return WordPieceTokenizer(tiny_vocab_file)


def sentence(words, tags=None):
    return Sentence(words, tags or ["O"] * len(words), "file", [1])


def answered(records, continued=False):
    """Words and tag ids, in the order of the windows."""
    words, tags = [], []
    for record in records:
        words += [word.decode() for word in record["words"]]
        starts = record["word_starts"] if continued else [int(tag != NO_TAG) for tag in record["label_ids"]]
        tags += [tag for tag, starts_word in zip(record["label_ids"], starts) if starts_word]
    return words, tags


def test_the_first_piece_has_the_tag(tokenizer):
    (record,) = SentenceEncoder(tokenizer, 16, IDS)(sentence(["the", "cab", "!"], ["O", "B-X", "I-X"]), 7).records
    tokens = [tokenizer.id_to_token(id) for id in record["input_ids"]]
    assert tokens == ["[CLS]", "the", "c", "##a", "##b", "!", "[SEP]"]
    assert record["label_ids"] == [-1, 0, 1, -1, -1, 2, -1]
    assert record["input_mask"] == [1] * 7
    assert (record["sentence_id"], record["sub_sentence_id"]) == (7, 0)
    assert record["text"] == b"the cab !"
    assert (record["word_begins"], record["word_ends"]) == ([0, 4, 8], [3, 7, 9])


def test_all_pieces_have_tags_if_asked(tokenizer):
    encode = SentenceEncoder(tokenizer, 16, IDS, continuations(LABELS))
    (record,) = encode(sentence(["cab", "ab", "a"], ["B-X", "I-X", "O"]), 0).records
    assert record["label_ids"] == [-1, 1, 2, 2, 2, 2, 0, -1]
    assert record["word_starts"] == [0, 1, 0, 0, 1, 0, 1, 0]


ODD_WORDS = ["\u200d", " ", "", "\ufe0f", "😀", "日", "a" * 500, "\t", "e\u0301"]


def test_words_without_pieces_have_one_tag(tokenizer):
    tags = ["B-X"] * len(ODD_WORDS)
    encoded = SentenceEncoder(tokenizer, 64, IDS)(sentence(ODD_WORDS, tags), 0)
    assert answered(encoded.records) == (ODD_WORDS, [1] * len(ODD_WORDS))
    assert encoded.unknown >= 5


@pytest.mark.parametrize("length", [3, 4, 7, 16, 64])
@pytest.mark.parametrize("continued", [None, [0, 2, 2]])
def test_no_word_is_lost_or_answered_twice(tokenizer, length, continued):
    words = [word for word, _ in zip(itertools.cycle(["the", "cab", "abcdefghijkl", "\u200d", "good"]), range(200))]
    tags = [label for label, _ in zip(itertools.cycle(["O", "B-X", "I-X"]), range(200))]
    encoded = SentenceEncoder(tokenizer, length, IDS, continued)(sentence(words, tags), 0)
    assert answered(encoded.records, continued is not None) == (words, [IDS[tag] for tag in tags])
    assert [record["sub_sentence_id"] for record in encoded.records] == list(range(len(encoded.records)))
    assert [bool(record["text"]) for record in encoded.records] == [True] + [False] * (len(encoded.records) - 1)
    for record in encoded.records:
        assert len(record["input_ids"]) <= length
        assert {len(record[name]) for name in ("input_mask", "segment_ids", "label_ids")} == {len(record["input_ids"])}


def test_places_are_those_of_the_text(tokenizer):
    text = "the  cab, good"
    given = Sentence(["the", "cab", ",", "good"], None, "file", [1], text, [0, 5, 8, 10], [3, 8, 9, 14])
    records = SentenceEncoder(tokenizer, 4, IDS)(given, 0).records
    places = [place for record in records for place in zip(record["word_begins"], record["word_ends"])]
    assert [text[begin:end] for begin, end in places] == ["the", "cab", ",", "good"]
    assert records[0]["text"].decode() == text


def test_words_are_joined_as_they_are_written():
    assert joined(["New", "York", "!"]) == ("New York !", [0, 4, 9], [3, 8, 10])
    assert joined(["北", "京", "2008"]) == ("北京 2008", [0, 1, 3], [1, 2, 7])
    assert joined(["", "a", ""]) == (" a ", [0, 1, 3], [0, 2, 3])
    assert joined([]) == ("", [], [])
