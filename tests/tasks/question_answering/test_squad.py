"""Reading SQuAD's JSON."""

import json
import tracemalloc

import pytest
from squad_material import question, squad, write

from bert_tf2.errors import UserError
from bert_tf2.tasks.question_answering.squad import Answer, Paragraph, Question, Reading, read_paragraphs

FLAT_ROW = {"id": "1", "context": "c", "question": "q", "answers": {"text": ["a"], "answer_start": [0]}}


def test_a_file(tmp_path):
    path = write(tmp_path / "train.json", squad(question(), question("q2", "when ?", None, is_impossible=True)))
    (paragraph,) = read_paragraphs([path])
    assert paragraph == Paragraph(
        "the movie was very good .",
        (Question("q1", "who was good ?", (Answer("movie", 4),), False), Question("q2", "when ?", (), True)),
        f"{path}: data[0].paragraphs[0]",
    )


def test_keys_in_any_order_unknown_ones_and_a_byte_order_mark(tmp_path):
    value = {"x": [1, {"data": []}], "data": squad(question())["data"], "version": "v2.0"}
    path = tmp_path / "x.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(value).encode())
    reading = Reading()
    assert len(list(read_paragraphs([str(path)], reading=reading))) == 1
    assert reading.says_version_2


def test_prediction_needs_no_answers(tmp_path):
    value = squad(
        question("a", answer=None),
        question("b", answers=[]),
        question("c", answers=[{"text": "x"}]),
        question("d", answers=[{"text": "x", "answer_start": "4"}, {"text": "y", "answer_start": 400}]),
        context="",
    )
    (paragraph,) = read_paragraphs([write(tmp_path / "x.json", value)])
    assert [found.answers for found in paragraph.questions] == [
        (),
        (),
        (Answer("x", -1),),
        (Answer("x", -1), Answer("y", 400)),
    ]


def test_ids_that_are_numbers_become_texts(tmp_path):
    (paragraph,) = read_paragraphs([write(tmp_path / "x.json", squad(question(id=17)))])
    assert paragraph.questions[0].id == "17"


def test_what_is_noted(tmp_path):
    value = squad(
        *(question(f"i{n}", is_impossible=True) for n in range(7)),
        question("e", "  "),
        question("ok", is_impossible=False),
    )
    reading = Reading()
    list(read_paragraphs([write(tmp_path / "x.json", value)], reading=reading))
    assert reading.says_version_2
    assert reading.warnings() == [
        "7 questions marked impossible with answers, which are not used (ids i0, i1, i2, i3, i4, …)",
        "1 question without text (id e)",
    ]


def test_false_everywhere_is_not_version_2(tmp_path):
    reading = Reading()
    list(read_paragraphs([write(tmp_path / "x.json", squad(question(is_impossible=False)))], reading=reading))
    assert not reading.says_version_2


PARAGRAPH = "data[0].paragraphs[0]"
QUESTION = f"{PARAGRAPH}.qas[0]"
WRONG = {
    "a list": ([1], "a list, not an object; expected SQuAD's"),
    "rows of Hugging Face": ([FLAT_ROW], "a list; this is the flat format of Hugging Face's data sets"),
    "one row": (FLAT_ROW, "the key 'data' is missing (found keys id, context, question, answers); this is the flat format"),
    "JSON Lines": ("\n".join(json.dumps(FLAT_ROW) for _ in range(2)), "this is the flat format of Hugging Face's data sets"),
    "rows under data": ({"data": [FLAT_ROW]}, "data[0]: this is the flat format of Hugging Face's data sets"),
    "a text": ('"x"', "not an object but a text 'x'"),
    "an empty file": ("", "the file is empty"),
    "an empty object": ({}, "the key 'data' is missing (found an empty object)"),
    "predictions": ({"q1": "answer"}, "the key 'data' is missing (found keys q1)"),
    "two objects": (json.dumps(squad(question())) * 2, "more follows the first object (JSON Lines?)"),
    "data an object": ({"data": {}}, "'data' must be a list of articles; found an object"),
    "no article": ({"data": []}, "'data' is empty"),
    "no question": (squad(), "holds no question that can be used"),
    "article a text": ({"data": ["x"]}, "data[0]: must be an object with 'paragraphs'; found a text 'x'"),
    "no paragraphs": ({"data": [{"title": "t"}]}, "data[0]: the key 'paragraphs' is missing"),
    "empty paragraphs": ({"data": [{"paragraphs": []}]}, "data[0]: the article has no paragraphs"),
    "no context": ({"data": [{"paragraphs": [{"qas": []}]}]}, f"{PARAGRAPH}: the key 'context' is missing"),
    "context a list": (
        {"data": [{"paragraphs": [{"context": [], "qas": []}]}]},
        f"{PARAGRAPH}.context: must be a text; found a list",
    ),
    "no questions": ({"data": [{"paragraphs": [{"context": "c"}]}]}, f"{PARAGRAPH}: the key 'qas' is missing"),
    "no id": (squad({"question": "q"}), f"{QUESTION}: the key 'id' is missing"),
    "no text": (squad({"id": "q7"}), f"{QUESTION} (id q7): the key 'question' is missing"),
    "text null": (squad({"id": "q7", "question": None}), f"{QUESTION} (id q7).question: must be a text; found null"),
    "is_impossible a text": (
        squad(question("q7", is_impossible="no")),
        f"{QUESTION} (id q7).is_impossible: must be true or false; found a text 'no'",
    ),
    "answers an object": (
        squad(question("q7", answers={"text": ["a"]})),
        f"{QUESTION} (id q7).answers: must be a list; found an object",
    ),
    "not JSON": ("context\tquestion", "is a text file, not a file of questions; give SQuAD's JSON, {"),
    "cut": (json.dumps(squad(question()))[:-3], "not valid JSON"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_files_are_refused_in_one_line(tmp_path, name):
    value, message = WRONG[name]
    path = write(tmp_path / "x.json", value)
    with pytest.raises(UserError) as caught:
        list(read_paragraphs([path]))
    assert message in str(caught.value)
    assert str(caught.value).startswith(path)
    assert "\n" not in str(caught.value)


WRONG_FOR_TRAINING = {
    "no answers": (question("q7", answer=None), f"{QUESTION} (id q7): the key 'answers' is missing"),
    "empty answers": (question("q7", answers=[]), f"{QUESTION} (id q7): has no answer; give one, or say"),
    "no place": (question("q7", answers=[{"text": "x"}]), f"{QUESTION} (id q7).answers[0]: the key 'answer_start' is missing"),
    "place a text": (
        question("q7", answers=[{"text": "x", "answer_start": "4"}]),
        f"{QUESTION} (id q7).answers[0].answer_start: must be a whole number; found a text '4'",
    ),
    "place true": (
        question("q7", answers=[{"text": "x", "answer_start": True}]),
        "answers[0].answer_start: must be a whole number; found true or false",
    ),
    "place beyond": (question("q7", answer=("x", 400)), "answer_start: 400 with an answer of 1 is outside the context of 25"),
    "end beyond": (question("q7", answer=(". !", 24)), "answer_start: 24 with an answer of 3 is outside the context of 25"),
    "negative": (question("q7", answer=("x", -1)), "answer_start: -1 with an answer of 1 is outside"),
    "empty answer": (question("q7", answer=(" ", 3)), "answers[0].text: the answer is empty"),
    "answer a text": (question("q7", answers=["x"]), "answers[0]: must be an object with 'text'; found a text 'x'"),
}


@pytest.mark.parametrize("name", WRONG_FOR_TRAINING)
def test_training_needs_answers(tmp_path, name):
    value, message = WRONG_FOR_TRAINING[name]
    path = write(tmp_path / "x.json", squad(value))
    with pytest.raises(UserError) as caught:
        list(read_paragraphs([path], answers_needed=True))
    assert message in str(caught.value)


def test_training_needs_contexts(tmp_path):
    path = write(tmp_path / "x.json", squad(question(), context=" \n"))
    with pytest.raises(UserError, match=r"paragraphs\[0\].context: the context is empty"):
        list(read_paragraphs([path], answers_needed=True))


def test_what_is_reported_is_left_out(tmp_path):
    bad = [value for value, _ in WRONG_FOR_TRAINING.values()]
    value = squad(*bad, question("good"))
    value["data"] += [{"title": "no paragraphs"}, "x", *squad(question("empty"), context="")["data"]]
    reported = []
    path = write(tmp_path / "x.json", value)
    found = list(read_paragraphs([path], answers_needed=True, report=lambda *row: reported.append(row)))
    assert [question.id for paragraph in found for question in paragraph.questions] == ["good"]
    assert len(reported) == len(bad) + 3


def test_the_same_id_twice(tmp_path):
    one = write(tmp_path / "one.json", squad(question("a"), question("b")))
    two = write(tmp_path / "two.json", squad(question("c"), question("b")))
    with pytest.raises(UserError) as caught:
        list(read_paragraphs([one, two]))
    assert str(caught.value) == (
        f"{two}: {PARAGRAPH}.qas[1]: the id b is also that of {one}: {PARAGRAPH}.qas[1]; give every question its own"
    )
    list(read_paragraphs([one]))
    list(read_paragraphs([two]))


def test_one_article_is_in_memory(tmp_path):
    """Sixteen times the file takes no more memory than a few bytes for each question's id."""

    def peak(articles: int) -> int:
        path = tmp_path / f"{articles}.json"
        with open(path, "w", encoding="utf-8") as file:
            file.write('{"data": [')
            for number in range(articles):
                paragraph = {"context": f"{number} " + "word " * 2000, "qas": [question(f"{number}-{i}") for i in range(20)]}
                file.write(("," if number else "") + json.dumps({"paragraphs": [paragraph]}))
            file.write("]}")
        tracemalloc.start()
        for _ in read_paragraphs([str(path)]):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    once, often = peak(200), peak(3200)
    assert often - once < 20 * 3000 * 24
