"""Questions and contexts cut by byte-level BPE: ids, places and labels are those of `transformers`' fast tokenizer."""

import json
import os

import numpy as np
import pytest
import tensorflow as tf
from byte_level_material import SENTENCES
from squad_material import question, squad, write
from transformers import RobertaTokenizerFast

from bert_tf2.data.records.parsing import parse_records
from bert_tf2.errors import UserError
from bert_tf2.tasks.question_answering.answers import ExactPlaces
from bert_tf2.tasks.question_answering.features import squad_features
from bert_tf2.tasks.question_answering.preparation import SquadPreparation
from bert_tf2.tasks.question_answering.squad import Answer
from bert_tf2.tasks.question_answering.windows import WindowOptions, read_questions
from bert_tf2.tasks.record_making import RecordOptions, prepare
from bert_tf2.text.byte_level.tokenizer import ByteLevelBPETokenizer
from bert_tf2.text.placing import placing_tokenizer


def theirs_of(folder: str) -> RobertaTokenizerFast:
    return RobertaTokenizerFast(os.path.join(folder, "vocab.json"), os.path.join(folder, "merges.txt"))


def labels_of_transformers(offsets, begin: int, end: int) -> tuple[int, int]:
    """First and last token of an answer, by run_qa.py of transformers."""
    first = max(number for number, (start, _) in enumerate(offsets) if start <= begin)
    last = min(number for number, (_, stop) in enumerate(offsets) if stop >= end)
    return first, last


def test_windows_are_those_of_transformers(byte_level_folder, tmp_path):
    tokenizer, theirs = ByteLevelBPETokenizer(byte_level_folder), theirs_of(byte_level_folder)
    context = " ".join(SENTENCES)
    path = write(tmp_path / "dev.json", squad(question(text="Who was  a puppeteer?", answer=("movie", 4)), context=context))
    found = read_questions([path], tokenizer, max_seq_length=40, doc_stride=10, max_query_length=30)
    batch = parse_records(tf.constant(found.records), squad_features(training=False))
    # Their stride is what windows share.
    room = 40 - 4 - len(tokenizer.encode("Who was  a puppeteer?"))
    options = {"truncation": "only_second", "max_length": 40, "stride": room - 10, "return_overflowing_tokens": True}
    expected = theirs("Who was  a puppeteer?", context, **options)["input_ids"]
    assert [ids[ids != 0].numpy().tolist() for ids in batch["input_word_ids"]] == [ids[1:] for ids in expected]
    assert not batch["input_type_ids"].numpy().any()


def test_records_mark_the_answer(byte_level_folder, tmp_path):
    tokenizer = ByteLevelBPETokenizer(byte_level_folder)
    context = "Das schöne Fräulein sah die 😀 Äpfel, das ist wahr."
    answers = ["schöne", "😀", "Äpfel", "das ist wahr", "Das"]
    questions = [question(f"q{i}", "was ?", (answer, context.index(answer))) for i, answer in enumerate(answers)]
    path = write(tmp_path / "train.json", squad(*questions, context=context))
    preparation = SquadPreparation([path], tokenizer, WindowOptions(128, 32, 16))
    prepared = prepare(preparation, {"train": str(tmp_path / "train.tf_record")}, str(tmp_path / "meta.json"), RecordOptions())
    records = [record.numpy() for record in tf.data.TFRecordDataset(prepared.splits[0].path)]
    batch = parse_records(tf.constant(records), squad_features())
    theirs = theirs_of(byte_level_folder)
    for row, answer in enumerate(answers):
        start, end = batch["start_positions"][row], batch["end_positions"][row]
        assert theirs.decode(batch["input_word_ids"][row, start : end + 1]).strip() == answer
    with pytest.raises(UserError, match="--answer_labels=google is for WordPiece"):
        SquadPreparation([path], tokenizer, WindowOptions(128, 32, 16), answer_labels="google")


@pytest.mark.real_data
def test_answers_lie_where_transformers_puts_them(real_data):
    folder = str(real_data / "vocab" / "roberta")
    place, theirs = placing_tokenizer(ByteLevelBPETokenizer(folder)), theirs_of(folder)
    compared = 0
    for article in json.loads((real_data / "squad" / "dev-v1.1.json").read_text(encoding="utf-8"))["data"][:4]:
        for paragraph in article["paragraphs"]:
            context = paragraph["context"]
            tokens = place(context)
            found = theirs(context, add_special_tokens=False, return_offsets_mapping=True)
            assert tokens.ids.tolist() == found["input_ids"]
            answers = ExactPlaces(context, tokens)
            for answer in (answer for one in paragraph["qas"] for answer in one["answers"]):
                text, begin = answer["text"], answer["answer_start"]
                first, last = answers.find(Answer(text, begin))
                assert text in context[tokens.starts[first] : tokens.ends[last]]
                # Theirs takes the last token of the first character, and the first one of the last.
                if text[0].isascii() and text[-1].isascii():
                    expected = labels_of_transformers(found["offset_mapping"], begin, begin + len(text))
                    assert (first, last) == expected
                    compared += 1
    assert compared > 2000


def test_every_token_lies_in_a_word(byte_level_folder, nasty_texts):
    place, encode = placing_tokenizer(ByteLevelBPETokenizer(byte_level_folder)), ByteLevelBPETokenizer(byte_level_folder).encode
    for text in nasty_texts:
        tokens = place(text)
        assert tokens.ids.tolist() == (encode(text) if text.strip(" \t\r\n\u202f") else []), ascii(text)
        assert len(tokens.words) == len(tokens.ids)
        assert (np.diff([tokens.starts, tokens.ends]) >= 0).all()
        for start, end, word in zip(tokens.starts, tokens.ends, tokens.words):
            # All but white space lies within its word.
            assert not text[start:end].strip(" \t\r\n\u202f") or start >= tokens.word_starts[word]


@pytest.fixture
def nasty_texts() -> list[str]:
    return [*SENTENCES, "", " ", "  a", "\n a\u202f b  ", "\u3000a \u3000 b", "a\tb\r\nc", "\u200b \u200d", " x  "]
