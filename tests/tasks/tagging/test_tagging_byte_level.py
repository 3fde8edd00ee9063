"""Sentences given in words, cut by byte-level BPE: as `transformers` cuts them with a space before every word."""

import itertools
import os
import random

import pytest
from byte_level_material import SENTENCES
from transformers import RobertaTokenizerFast

from bert_tf2.tasks.tagging.encoding import SentenceEncoder
from bert_tf2.tasks.tagging.features import NO_TAG
from bert_tf2.tasks.tagging.sentences import Sentence
from bert_tf2.text.byte_level.tokenizer import ByteLevelBPETokenizer

LABELS = {"O": 0, "B-X": 1, "I-X": 2}


def theirs_of(folder: str) -> RobertaTokenizerFast:
    return RobertaTokenizerFast(os.path.join(folder, "vocab.json"), os.path.join(folder, "merges.txt"), add_prefix_space=True)


def assert_same(folder: str, sentences) -> None:
    encode, theirs, draw = SentenceEncoder(ByteLevelBPETokenizer(folder), 512, LABELS), theirs_of(folder), random.Random(1)
    for words in sentences:
        tags = draw.choices(list(LABELS), k=len(words))
        (record,) = encode(Sentence(list(words), tags, "file", [1]), 0).records
        found = theirs(list(words), is_split_into_words=True)
        assert record["input_ids"] == found["input_ids"], words
        assert record["segment_ids"] == [0] * len(record["input_ids"])
        # The first piece of a word has its tag (run_ner.py of transformers).
        of_piece = itertools.pairwise([None, *found.word_ids()])
        expected = [NO_TAG if word is None or word == before else LABELS[tags[word]] for before, word in of_piece]
        assert record["label_ids"] == expected


def test_words_are_cut_as_transformers_cuts_them(byte_level_folder):
    assert_same(byte_level_folder, [sentence.split() for sentence in SENTENCES])


@pytest.mark.real_data
def test_real_words_are_cut_as_transformers_cuts_them(real_data):
    text = (real_data / "ner" / "WNUT17" / "emerging.dev.conll").read_text(encoding="utf-8")
    sentences = [[row.split("\t")[0] for row in block.split("\n")] for block in text.strip().split("\n\n")]
    assert_same(str(real_data / "vocab" / "roberta"), [[word for word in words if word.strip()] for words in sentences[:300]])


def test_a_word_without_text_has_one_tag(byte_level_folder):
    tokenizer = ByteLevelBPETokenizer(byte_level_folder)
    (record,) = SentenceEncoder(tokenizer, 64, LABELS)(Sentence(["", "movie", "  "], ["O", "B-X", "O"], "file", [1]), 0).records
    assert [tag for tag in record["label_ids"] if tag != NO_TAG] == [0, 1, 0]
