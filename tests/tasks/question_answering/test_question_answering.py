"""The question answering module: windows, answers, scores and places of prediction, from text, inside a graph."""

import random

import numpy as np
import pytest
import templates
import tensorflow as tf

from bert_tf2.errors import UserError
from bert_tf2.tasks.question_answering.decoding import NOTHING_FOUND, DecodingOptions, decode
from bert_tf2.tasks.question_answering.in_graph import QuestionAnsweringModule
from bert_tf2.tasks.question_answering.in_graph_windows import cut
from bert_tf2.tasks.question_answering.squad import Paragraph, Question, read_paragraphs
from bert_tf2.tasks.question_answering.windows import WindowOptions, make_questions
from bert_tf2.text.wordpiece import WordPieceTokenizer

WORDS = [
    *"abc",
    "the",
    "movie",
    "was",
    "good",
    "very",
    "cafe\u0301",
    "你好",
    "العربية",
    "🤷🏽",
    "ΣΑΣ",
    "go\u00adod",
    "don't",
    "(1895)",
    "가",
]


class HashModel(tf.Module):
    """Logits that depend on ids, places and segments, exactly alike however windows are batched, and often equal."""

    def __call__(self, inputs, training):
        assert not training
        ids, types = inputs["input_word_ids"], inputs["input_type_ids"]
        place = tf.range(tf.shape(ids)[1])[tf.newaxis, :]
        mixed = ids * 31 + place * 17 + types * 5
        # Padding stands out, to be noticed if it were looked at.
        padding = 100.0 * tf.cast(1 - inputs["input_mask"], tf.float32)
        return {
            name: tf.cast(mixed * factor % 23, tf.float32) / 8 + padding
            for name, factor in (("start_positions", 7), ("end_positions", 11))
        }


def logits_of(model, records, length):
    """The logits of serialized windows, each float32 [W, length]."""
    names = {"input_ids": "input_word_ids", "input_mask": "input_mask", "segment_ids": "input_type_ids"}
    inputs = {name: np.zeros([len(records), length], np.int32) for name in names.values()}
    for row, record in enumerate(records):
        features = tf.train.Example.FromString(record).features.feature
        for stored, name in names.items():
            values = features[stored].int64_list.value
            inputs[name][row, : len(values)] = values
    outputs = model({name: tf.constant(values) for name, values in inputs.items()}, training=False)
    return outputs["start_positions"].numpy(), outputs["end_positions"].numpy()


def assert_answers_are_those_of_prediction(tokenizer, paragraphs, windows, decoding, batch_size=7):
    model = HashModel()
    questions = make_questions(paragraphs, tokenizer, windows)
    expected = decode(questions, *logits_of(model, questions.records, windows.max_seq_length), decoding)
    module = QuestionAnsweringModule(model, tokenizer, windows, decoding)
    contexts = [questions.contexts[number].text for number in questions.context_of_question]
    for first in range(0, len(contexts), batch_size):
        part = slice(first, first + batch_size)
        found = module.answer(
            tf.constant([question.text.encode() for question in questions.questions[part]]),
            tf.constant([context.encode() for context in contexts[part]]),
        )
        columns = {name: values.numpy() for name, values in found.items()}
        assert ("null_score_difference" in columns) == decoding.version_2
        for row, (question, context) in enumerate(zip(questions.questions[part], contexts[part])):
            text, start, end = columns["answer"][row].decode(), columns["start"][row], columns["end"][row]
            predicted = expected.predictions[question.id]
            # Where no span counts Google's program answers with this word; see `DecodedAnswers`.
            predicted = "" if predicted == NOTHING_FOUND and not expected.best_non_null[question.id] else predicted
            assert text == predicted
            assert (start, end) == (expected.spans[question.id] if text else (-1, -1))
            assert text == (context[start:end] if text else "")
            probabilities = {entry["text"]: entry["probability"] for entry in expected.nbest[question.id]}
            score = probabilities[text] if text or decoding.version_2 else 0.0
            np.testing.assert_allclose(columns["score"][row], score, rtol=1e-5)
            if decoding.version_2:
                np.testing.assert_allclose(columns["null_score_difference"][row], expected.null_odds[question.id], rtol=1e-6)


def made_up_paragraphs(count=30):
    draw = random.Random(5)
    paragraphs = [Paragraph("", (Question("none", "what?", (), False),), ""), Paragraph("\u200b \u0301", (), "")]
    for number in range(count):
        context = draw.choice(["", " ", "\n"]) + " ".join(draw.choices(WORDS, k=draw.choice([1, 5, 20, 60])))
        questions = [" ".join(draw.choices(WORDS, k=draw.randrange(12))) for _ in range(2)]
        found = tuple(Question(f"{number}-{i}", text, (), False) for i, text in enumerate(questions))
        paragraphs.append(Paragraph(context, found, ""))
    return paragraphs


@pytest.mark.parametrize(
    ("windows", "decoding"),
    [
        (WindowOptions(32, 8, 10), DecodingOptions(n_best_size=20)),
        (WindowOptions(24, 100, 12), DecodingOptions(5, max_answer_length=3, version_2=True, null_score_diff_threshold=-1.25)),
        (WindowOptions(48, 5, 6), DecodingOptions(1, version_2=True, null_score_diff_threshold=0.5)),
    ],
)
def test_answers_are_those_of_prediction(tiny_vocab_file, windows, decoding):
    tokenizer = WordPieceTokenizer(tiny_vocab_file)
    assert_answers_are_those_of_prediction(tokenizer, made_up_paragraphs(), windows, decoding)


@pytest.mark.parametrize("template", templates.NAMES[1:])
def test_templates_of_inputs(tiny_vocab_file, template):
    tokenizer = templates.with_template(WordPieceTokenizer(tiny_vocab_file), template)
    decoding = DecodingOptions(n_best_size=20, version_2=True)
    assert_answers_are_those_of_prediction(tokenizer, made_up_paragraphs(), WindowOptions(32, 8, 10), decoding)


def test_a_long_context_of_few_different_words(tiny_vocab_file):
    tokenizer = WordPieceTokenizer(tiny_vocab_file)
    paragraphs = [Paragraph("a b a a " * 1500, (Question("1", "a?", (), False), Question("2", "", (), False)), "")]
    assert_answers_are_those_of_prediction(tokenizer, paragraphs, WindowOptions(64, 16, 8), DecodingOptions(max_answer_length=4))


def test_windows_are_those_of_training():
    draw = np.random.default_rng(0)
    for max_seq_length, doc_stride, max_query_length in ((64, 16, 20), (384, 128, 64), (40, 1000, 30), (12, 1, 8)):
        options = WindowOptions(max_seq_length, doc_stride, max_query_length)
        query = draw.integers(0, max_query_length + 1, 40)
        tokens = np.concatenate([draw.integers(0, 2 * max_seq_length, 20), draw.integers(0, 6 * max_seq_length, 20)])
        ragged = [tf.RaggedTensor.from_row_lengths(tf.zeros([int(sum(n))], tf.int32), n) for n in (query, tokens)]
        windows = cut(*ragged, options)
        spans = [options.spans(int(count), int(words)) for count, words in zip(tokens, query)]
        begins = np.concatenate([[0], np.cumsum(tokens)])
        rows = [
            (pair, query[pair] + 2, begins[pair] + first, count) for pair, found in enumerate(spans) for first, count in found
        ]
        for values, expected in zip(windows, np.array(rows).T):
            np.testing.assert_array_equal(values, expected)
        np.testing.assert_array_equal(windows.max_context, np.concatenate([max_context(found) for found in spans]))


def max_context(spans):
    """Google's rule, token by token."""
    flags = []
    for index, (first, count) in enumerate(spans):
        for token in range(first, first + count):
            scores = [
                min(token - begin, begin + size - 1 - token) + 0.01 * size if begin <= token < begin + size else -1.0
                for begin, size in spans
            ]
            flags.append(scores.index(max(scores)) == index)
    return np.array(flags, bool)


def test_an_empty_batch_and_bytes_that_are_not_utf8(tiny_vocab_file):
    tokenizer = WordPieceTokenizer(tiny_vocab_file)
    module = QuestionAnsweringModule(HashModel(), tokenizer, WindowOptions(32, 8, 10), DecodingOptions())
    assert {
        name: (value.dtype, value.shape.as_list()) for name, value in module.answer(*[tf.constant([], tf.string)] * 2).items()
    } == {
        "answer": (tf.string, [0]),
        "score": (tf.float32, [0]),
        "start": (tf.int32, [0]),
        "end": (tf.int32, [0]),
    }
    broken = module.answer(tf.constant([b"wh\xffat"]), tf.constant([b"\xffthe movie\xc3 was \xf4\x90\x80\x80 good"]))
    whole = module.answer(tf.constant(["what"]), tf.constant(["the movie was  good"]))
    for name, value in whole.items():
        assert broken[name].numpy() == value.numpy()


def test_options_that_cannot_be_used(tiny_vocab_file):
    tokenizer = WordPieceTokenizer(tiny_vocab_file)
    with pytest.raises(UserError, match="--max_query_length must be at most"):
        QuestionAnsweringModule(HashModel(), tokenizer, WindowOptions(32, 8, 30), DecodingOptions())


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("version_2", [False, True])
def test_real_questions(real_data, version_2):
    tokenizer = WordPieceTokenizer(str(real_data / "vocab" / "uncased.txt"))
    paragraphs = list(read_paragraphs([str(real_data / "squad" / "dev-v1.1.json")]))[::10]
    decoding = DecodingOptions(version_2=version_2)
    assert_answers_are_those_of_prediction(tokenizer, paragraphs, WindowOptions(128, 48, 40), decoding, batch_size=32)
