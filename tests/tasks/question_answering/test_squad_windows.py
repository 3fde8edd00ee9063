"""Questions and windows of their contexts, as inputs."""

import numpy as np
import pytest
import tensorflow as tf
from squad_material import question, squad, write

from bert_tf2.data.records.parsing import parse_records
from bert_tf2.errors import UserError
from bert_tf2.tasks.question_answering.features import squad_features
from bert_tf2.tasks.question_answering.squad import Paragraph, Question
from bert_tf2.tasks.question_answering.windows import FIRST_UNIQUE_ID, WindowOptions, make_questions, read_questions
from bert_tf2.text.wordpiece import WordPieceTokenizer


def make(vocab_file, *texts, context="the movie was very good .", **options):
    questions = tuple(Question(f"q{i}", text, (), False) for i, text in enumerate(texts))
    return make_questions([Paragraph(context, questions, "x")], WordPieceTokenizer(vocab_file), WindowOptions(**options))


def test_an_input(tiny_vocab_file):
    found = make(tiny_vocab_file, "was good")
    tokenizer = WordPieceTokenizer(tiny_vocab_file)
    batch = parse_records(tf.constant(found.records), squad_features(training=False))
    tokens = [tokenizer.id_to_token(id) for id in batch["input_word_ids"][0].numpy()]
    assert tokens == ["[CLS]", "was", "good", "[SEP]", "the", "movie", "was", "very", "good", ".", "[SEP]"]
    assert batch["input_type_ids"][0].numpy().tolist() == [0] * 4 + [1] * 7
    assert batch["input_mask"][0].numpy().tolist() == [1] * 11
    assert batch["unique_ids"].numpy().tolist() == [FIRST_UNIQUE_ID]
    assert batch["unique_ids"].dtype == tf.int64
    (context,) = found.contexts
    assert context.tokens == tokens[4:-1]
    assert context.text[context.starts[1] : context.ends[4]] == "movie was very good"
    assert context.words.tolist() == [0, 1, 2, 3, 4, 5]
    assert not found.version_2
    assert found.notices == []


def test_windows_overlap_by_the_stride(tiny_vocab_file):
    # 5 tokens of context beside a question of 2.
    found = make(tiny_vocab_file, "was good", context="a b c d e f g h", max_seq_length=10, doc_stride=2, max_query_length=4)
    windows = found.windows
    assert windows.first_token.tolist() == [0, 2, 4]
    assert windows.num_tokens.tolist() == [5, 5, 4]
    assert windows.context_begin.tolist() == [4, 4, 4]
    assert windows.question.tolist() == [0, 0, 0]
    # d has one token beside it in the first window and in the second: the first counts. f has one in the second and in the
    # third: the longer counts.
    assert windows.max_context.astype(int).tolist() == [1, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1]
    assert [len(record) for record in found.records] == sorted((len(record) for record in found.records), reverse=True)


@pytest.mark.parametrize("context", ["", " \n", "\x00\u200b"])
def test_a_question_without_context_is_kept(tiny_vocab_file, context):
    questions = (Question("a", "good ?", (), False),)
    paragraphs = [Paragraph(context, questions, "x"), Paragraph("the movie", (Question("b", "", (), False),), "x")]
    found = make_questions(paragraphs, WordPieceTokenizer(tiny_vocab_file), WindowOptions())
    assert [found.questions[i].id for i in range(2)] == ["a", "b"]
    assert found.windows.question.tolist() == [1]
    assert found.context_of_question.tolist() == [0, 1]
    assert found.windows.context_begin.tolist() == [2]


def test_nothing_at_all(tiny_vocab_file):
    found = make_questions([], WordPieceTokenizer(tiny_vocab_file), WindowOptions())
    assert (found.questions, found.records, len(found.windows.question), len(found.windows.max_context)) == ([], [], 0, 0)


def test_long_questions_are_cut_and_counted(tiny_vocab_file):
    found = make(tiny_vocab_file, "good " * 9, "good", max_query_length=8)
    assert found.windows.context_begin.tolist() == [10, 3]
    assert found.notices == ["1 questions were cut to --max_query_length=8 tokens"]


def test_a_hundred_thousand_words(tiny_vocab_file):
    found = make(tiny_vocab_file, "good ?", "bad", context="the very good movie . " * 20_000)
    windows = found.windows
    assert len(found.contexts[0].starts) == 100_000
    for number in (0, 1):
        mine = windows.question == number
        shown = np.zeros(100_000, int)
        for first, count in zip(windows.first_token[mine], windows.num_tokens[mine]):
            shown[first : first + count] += 1
        assert shown.min() >= 1
    # Every token counts in one window of each question.
    assert windows.max_context.sum() == 200_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"doc_stride": 0}, "--doc_stride must be at least 1; got 0"),
        ({"doc_stride": -3}, "--doc_stride must be at least 1; got -3"),
        ({"max_query_length": 0}, "--max_query_length must be at least 1; got 0"),
        ({"max_seq_length": 64, "max_query_length": 61}, "--max_query_length must be at most --max_seq_length - 4 = 60"),
    ],
)
def test_options_that_cannot_work(options, message):
    with pytest.raises(UserError, match=message):
        WindowOptions(**options).check()


def test_a_stride_beyond_the_window_loses_no_text():
    options = WindowOptions(32, 100, 8)
    (notice,) = options.check()
    assert "no text is lost" in notice
    assert "--doc_stride=10" in notice
    assert options.spans(50, 8) == [(0, 21), (21, 21), (42, 8)]
    assert WindowOptions(32, 21, 8).check() == []
    assert WindowOptions(32, 28, 28).check() != []


def test_version_2_is_found_from_the_data(tmp_path, tiny_vocab_file):
    tokenizer = WordPieceTokenizer(tiny_vocab_file)
    path = write(tmp_path / "x.json", squad(question(), question("q2", answers=[], is_impossible=True)))
    assert read_questions([path], tokenizer).version_2
    path = write(tmp_path / "y.json", squad(question(answer=None), version="v2.0"))
    assert read_questions([path], tokenizer).version_2
    path = write(tmp_path / "z.json", squad(question("a", " ")))
    found = read_questions([path], tokenizer)
    assert not found.version_2
    assert found.notices == ["1 question without text (id a)"]


CASES = [
    ("dev-v1.1.json", False, (384, 128, 64)),
    ("dev-v1.1.json", False, (64, 16, 24)),
    ("dev-v2.0-half.json", True, (128, 64, 32)),
]


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize(("file", "version_2", "lengths"), CASES)
def test_equals_the_garden(real_data, file, version_2, lengths):
    squad_lib = pytest.importorskip("official.nlp.data.squad_lib")
    tokenization = pytest.importorskip("official.nlp.tools.tokenization")
    path, vocab_file = str(real_data / "squad" / file), str(real_data / "vocab" / "uncased.txt")
    max_seq_length, doc_stride, max_query_length = lengths
    found = read_questions(
        [path],
        WordPieceTokenizer(vocab_file),
        max_seq_length=max_seq_length,
        doc_stride=doc_stride,
        max_query_length=max_query_length,
    )
    examples = squad_lib.read_squad_examples(path, False, version_2)
    assert [question.id for question in found.questions] == [example.qas_id for example in examples]
    assert found.version_2 == version_2
    place = {"window": 0, "token": 0}

    def compare(feature, is_padding):
        if is_padding:
            return
        window, token, windows = place["window"], place["token"], found.windows
        number, begin, count = windows.question[window], windows.context_begin[window], windows.num_tokens[window]
        first, context = windows.first_token[window], found.contexts[found.context_of_question[number]]
        assert feature.example_index == number
        inputs = list(range(begin, begin + count))
        assert feature.token_to_orig_map == dict(zip(inputs, context.words[first : first + count].tolist()))
        max_context = windows.max_context[token : token + count].tolist()
        assert feature.token_is_max_context == dict(zip(inputs, max_context))
        assert feature.tokens[begin:-1] == context.tokens[first : first + count]
        length = sum(feature.input_mask)
        record = tf.train.Example.FromString(found.records[window]).features.feature
        expected = {
            "unique_ids": [feature.unique_id],
            "input_ids": feature.input_ids[:length],
            "input_mask": feature.input_mask[:length],
            "segment_ids": feature.segment_ids[:length],
        }
        assert {name: list(value.int64_list.value) for name, value in record.items()} == expected
        place["window"] += 1
        place["token"] += count

    tokenizer = tokenization.FullTokenizer(vocab_file, True)
    squad_lib.convert_examples_to_features(
        examples, tokenizer, max_seq_length, doc_stride, max_query_length, False, compare, batch_size=8
    )
    assert place == {"window": len(found.records), "token": len(found.windows.max_context)}
