"""Questions with choices, read from the forms in which they are published, and from files that are wrong."""

import json

import pytest

from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.errors import UserError
from bert_tf2.tasks.multiple_choice.examples import name_of
from bert_tf2.tasks.multiple_choice.reading import open_choices

SOCIAL = {"context": "c", "question": "q?", "answerA": "x", "answerB": "y", "answerC": "z", "correct": "B"}
OWN = {"context": "c", "question": "q", "choices": ["x", "y", "z"], "answer": 1}
SWAG = ",video-id,fold-ind,startphrase,sent1,sent2,gold-source,ending0,ending1,ending2,ending3,label\n"
ARTICLE = {
    "article": "A long story.",
    "questions": ["Who is _ ?", "What?"],
    "options": [["he", "she", "it", "they"], ["a", "b", "c", "d"]],
    "answers": ["C", "A"],
    "id": "high19.txt",
}


@pytest.fixture
def read(tmp_path):
    """Writes a file (text, bytes or objects for JSON lines) and reads it."""

    def read(content, name="train.jsonl", *, level=None, answer_needed=True, bad_rows=None):
        if isinstance(content, list):
            content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in content)
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        file = open_choices(str(tmp_path / name), "train_file", level)
        return list(file.examples(bad_rows or BadRows(), answer_needed=answer_needed))

    return read


def test_social_iqa_is_read_whole(real_data):
    file = open_choices(str(real_data / "multiple_choice/SocialIQA/socialIQa_v1.4_dev.jsonl"), "eval_file")
    examples = list(file.examples(BadRows()))
    assert file.form.title == "SocialIQA"
    assert len(examples) == 1954
    assert {len(example.choices) for example in examples} == {3}
    assert examples[0].answer == 2
    assert examples[0].choices == ("make a new plan", "Go home and see Riley", "Find somewhere to go")
    first, seconds, is_context = examples[0].inputs()
    assert first.startswith("Tracy didn't go home")
    assert seconds[0] == "What does Tracy need to do before this? make a new plan"
    assert is_context
    assert examples[0].where.endswith(".jsonl:1")


def test_swag(read):
    (example,) = read(SWAG + '7,v1,3,start,"She, he",They,gold,go,run,sit,"lie, down",3\n', "train.csv")
    assert (example.context, example.question, example.answer) == ("She, he", "They", 3)
    assert example.inputs()[1] == ["They go", "They run", "They sit", "They lie, down"]
    (test,) = read(SWAG.replace(",label", "") + "7,v1,3,s,c,q,gold,go,run,sit,lie\n", "test.csv", answer_needed=False)
    assert test.answer is None


@pytest.mark.parametrize("form", ["lines", "object", "indented"])
def test_race(read, form):
    content = json.dumps(ARTICLE, indent=2 if form == "indented" else None)
    first, second = read(content + ("\n" if form == "lines" else ""), "high19.txt")
    assert (first.id, first.answer, second.answer) == ("high19.txt-0", 2, 0)
    # A blank is filled, as ALBERT's run_race.py does; without one the choice follows the question.
    assert first.inputs() == ("A long story.", ["Who is he ?", "Who is she ?", "Who is it ?", "Who is they ?"], True)
    assert second.inputs()[1] == ["What? a", "What? b", "What? c", "What? d"]


def test_race_folders_and_schools(tmp_path):
    for school in ("high", "middle"):
        for number in (2, 1):
            path = tmp_path / "train" / school / f"{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(ARTICLE | {"id": f"{school}{number}.txt"}))

    def ids(level):
        return [example.id for example in open_choices(str(tmp_path / "train"), "train_file", level).examples(BadRows())]

    assert ids(None) == ["high1.txt-0", "high1.txt-1", "high2.txt-0", "high2.txt-1"] + [
        f"middle{number}.txt-{question}" for number in (1, 2) for question in (0, 1)
    ]
    assert ids("middle") == [f"middle{number}.txt-{question}" for number in (1, 2) for question in (0, 1)]
    assert len(ids("high")) == 4
    (tmp_path / "empty" / "deep").mkdir(parents=True)
    (tmp_path / "empty" / "note.md").write_text("no data")
    with pytest.raises(UserError, match=r"--train_file: the folder .*empty holds no files of RACE \(\.txt or \.json\)"):
        open_choices(str(tmp_path / "empty"), "train_file")


def test_a_file_of_another_kind_in_a_folder_of_race_is_told(tmp_path):
    (tmp_path / "1.txt").write_text(json.dumps(ARTICLE))
    (tmp_path / "2.txt").write_text("{")
    with pytest.raises(
        UserError, match=r"2\.txt:1: not an article of RACE, which is a JSON object; take the file out of the folder"
    ):
        open_choices(str(tmp_path), "train_file")


def test_the_school_must_be_known(read):
    assert len(read([ARTICLE], level="high")) == 2
    with pytest.raises(UserError, match=r"--middle_only: no article of .*train\.jsonl is of that school; leave the flag out"):
        read([ARTICLE], level="middle")
    with pytest.raises(UserError, match=r"train\.jsonl:1: --high_only needs to know the school of an article"):
        read([ARTICLE | {"id": "x"}], level="high")
    with pytest.raises(UserError, match=r"--high_only belongs to RACE, but .* holds SocialIQA; leave the flag out"):
        read([SOCIAL], level="high")


def test_arc_in_both_forms(read):
    choices = [{"text": "dry", "label": "1"}, {"text": "3", "label": "2"}, {"text": "wet", "label": "3"}]
    official = {"id": "M1", "question": {"stem": "Why?", "choices": choices}, "answerKey": "3"}
    flat = {"id": "M1", "question": "Why?", "choices": {"text": ["dry", "3", "wet"], "label": ["1", "2", "3"]}, "answerKey": "3"}
    for row in (official, flat, {"id": "M1", "question": "Why?", "choices": choices, "answerKey": "3"}):
        (example,) = read([row])
        # The answer is a label; that a choice's text reads the same does not matter.
        assert (example.id, example.answer, example.choices) == ("M1", 2, ("dry", "3", "wet"))
        # Without a context the question stands first.
        assert example.inputs() == ("Why?", ["dry", "3", "wet"], False)
    with pytest.raises(UserError, match=r"train\.jsonl:1: the answer 'D' is no choice; they are called 1, 2, 3"):
        read([official | {"answerKey": "D"}])


def test_own_rows_and_what_an_answer_may_be(read):
    for answer in (1, "1", "B", "y", " y "):
        (example,) = read([OWN | {"answer": answer}])
        assert example.answer == 1
    # A choice's text comes first: in sums the choices are numbers themselves.
    (example,) = read([OWN | {"choices": ["2", "1", "0"], "answer": "0"}])
    assert example.answer == 2
    rows = [OWN, OWN | {"choices": ["x", "y"]}, OWN | {"choices": [str(i) for i in range(30)], "answer": "AD"}]
    assert [(len(example.choices), example.answer) for example in read(rows)] == [(3, 1), (2, 1), (30, 29)]
    table = "context,question,choice0,choice1,choice2,answer\nc,q,x,y,,y\nc,,x,y,z,2\n"
    assert [(len(example.choices), example.answer) for example in read(table, "own.csv")] == [(2, 1), (3, 2)]
    assert [len(example.choices) for example in read("question\tchoice1\tchoice2\tanswer\nq\tx\ty\tA\n", "own.tsv")] == [2]
    assert [example.answer for example in read(json.dumps([OWN, OWN]), "own.json")] == [1, 1]


def test_social_iqa_counts_labels_from_1(read):
    row = {key: value for key, value in SOCIAL.items() if key != "correct"}
    assert read([row | {"label": "1"}])[0].answer == 0
    with pytest.raises(UserError, match="the answer '0' is no choice; give A to C or 1 to 3"):
        read([row | {"label": "0"}])


def test_answers_may_be_hidden_where_none_are_needed(read):
    hidden = [OWN | {"answer": answer} for answer in (None, "", "-1", -1)] + [{k: v for k, v in OWN.items() if k != "answer"}]
    assert [example.answer for example in read(hidden, answer_needed=False)] == [None] * 5
    with pytest.raises(UserError, match=r"train\.jsonl:1: the answer is missing"):
        read(hidden)
    with pytest.raises(UserError, match="the answer 3 is no choice"):
        read([OWN | {"answer": 3}], answer_needed=False)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (OWN | {"choices": ["x"]}, "1 choice; at least 2 are needed"),
        (OWN | {"choices": []}, "0 choices; at least 2 are needed"),
        (OWN | {"choices": "x"}, "the choices must be a list of texts; found 'x'"),
        (OWN | {"choices": ["x", " ", "z"]}, "choice B of 3 is missing"),
        (OWN | {"choices": ["x", None]}, "choice B of 2 is missing"),
        (OWN | {"choices": ["x", 7]}, "choice B must be a text; found 7"),
        (OWN | {"choices": ["x", {"text": "y"}]}, "choice B must be a text; found {'text': 'y'}"),
        (OWN | {"choices": {"text": ["x", "y"], "label": ["A"]}}, "must have a 'text' and a 'label' each"),
        (OWN | {"answer": 3}, "the answer 3 is no choice; give A to C or 0 to 2, or the text of a choice"),
        (OWN | {"answer": True}, "the answer True is no choice"),
        (OWN | {"answer": [1]}, r"the answer \[1\] is no choice"),
        (OWN | {"answer": "D"}, "the answer 'D' is no choice"),
        (
            OWN | {"choices": ["x", "x", "y"], "answer": "x"},
            "2 choices are called 'x', which is the answer; say which",
        ),
        (OWN | {"context": "", "question": " "}, "neither a context nor a question"),
        (OWN | {"context": ["c"]}, r"the context must be a text; found \['c'\]"),
        (OWN | {"question": 5}, "the question must be a text; found 5"),
        ({"question": "q", "answer": 1}, "not as the rows before, choices in a list; it has question, answer"),
        ([1], "not a JSON object"),
    ],
)
def test_rows_that_cannot_be_used(read, row, message):
    with pytest.raises(UserError, match=rf"train\.jsonl:2: .*{message}"):
        read([OWN, row, OWN])
    bad_rows = BadRows(skip=True)
    assert len(read([OWN, row, OWN], bad_rows=bad_rows)) == 2
    assert bad_rows.count == 1


def test_a_choice_is_missing_before_another(read):
    row = {key: value for key, value in SOCIAL.items() if key != "answerB"}
    with pytest.raises(UserError, match=r"train\.jsonl:2: there is answerC, but a choice before it is missing: answerA, answerC"):
        read([SOCIAL, row])
    with pytest.raises(UserError, match=r"train\.csv:2: choice C of 4 is missing"):
        read(SWAG + "7,v1,3,s,c,q,gold,go,run,,lie,3\n", "train.csv")
    with pytest.raises(UserError, match=r"train\.csv:2: 11 columns, expected 12"):
        read(SWAG + "7,v1,3,s,c,q,gold,go,run,lie,3\n", "train.csv")
    with pytest.raises(UserError, match=r"train\.csv:2: the answer '3' is no choice; give A to C or 0 to 2"):
        read(SWAG + "7,v1,3,s,c,q,gold,go,run,lie,,3\n", "train.csv")


@pytest.mark.parametrize(
    ("article", "message"),
    [
        (ARTICLE | {"options": ARTICLE["options"][:1]}, "2 questions but 1 options"),
        (ARTICLE | {"answers": ["A"]}, "2 questions but 1 answers"),
        (ARTICLE | {"answers": "AC"}, "'answers' must be a list; found 'AC'"),
        (ARTICLE | {"answers": ["A", "E"]}, "the answer 'E' is no choice; give A to D"),
        (ARTICLE | {"article": " "}, "the article is empty"),
        (ARTICLE | {"questions": [], "options": [], "answers": []}, "the article has no questions"),
        (ARTICLE | {"options": [["a", "b"], ["a", ""]], "answers": ["A", "A"]}, "choice B of 2 is missing"),
    ],
)
def test_articles_that_cannot_be_used(read, article, message):
    with pytest.raises(UserError, match=rf"high\.txt:2: {message}"):
        read([ARTICLE, article], "high.txt")


def test_files_that_hold_no_questions(read):
    for content, name, message in [
        ("", "train.jsonl", "the file is empty"),
        ("", "train.csv", "the file is empty"),
        ("\n\n", "train.jsonl", "the file is empty"),
        ('{"text": "a", "label": "b"}\n', "train.jsonl", ":1: no questions with choices: it has text, label; expected"),
        ("text,label\na,b\n", "train.csv", ":1: no questions with choices: it has text, label; expected"),
        ("[]", "train.json", "the file is empty"),
        ("[1]", "train.json", "row 1: no questions with choices: not a JSON object|holds plain text"),
        ("{}", "train.json", "no questions with choices: it has no keys"),
        ("no data at all", "train.jsonl", ":1: no questions with choices: not a JSON object"),
        (b"\xff\xfe{\x00", "train.jsonl", "UTF-16"),
        ('{"question": "q",\n', "train.json", "not valid JSON: "),
    ]:
        with pytest.raises(UserError, match=message) as raised:
            read(content, name)
        assert name in str(raised.value)
        assert "\n" not in str(raised.value)


def test_a_first_row_that_is_none_is_left_out_like_others(read):
    bad_rows = BadRows(skip=True)
    assert len(read('no JSON\n{"text": "a"}\n' + json.dumps(OWN) + "\n", bad_rows=bad_rows)) == 1
    assert bad_rows.count == 2


def test_what_would_be_read_in_part_is_refused(read):
    with pytest.raises(UserError, match=r"train\.csv:1: 2 columns are called 'label'; rename all but one"):
        read(SWAG.replace("fold-ind", "label"), "train.csv")
    with pytest.raises(UserError, match=r"high\.txt: more follows the first object; write each object on a line of its own"):
        read(json.dumps(ARTICLE, indent=1) * 2, "high.txt")


def test_header_only_gives_no_examples(read):
    assert read(SWAG, "train.csv") == []


def test_marks_and_line_ends_of_other_systems(read):
    text = SWAG + "7,v,3,s,c,q,gold,go,run,sit,lie,1\n"
    plain = read(text, "train.csv")
    for content in (b"\xef\xbb\xbf" + text.encode(), text.replace("\n", "\r\n").encode(), text.strip().encode()):
        assert [(e.choices, e.answer) for e in read(content, "train.csv")] == [(e.choices, e.answer) for e in plain]
    with pytest.raises(UserError, match=r"train\.csv:2: byte \d+ \(0xE9\) is not UTF-8 \(latin-1"):
        read(text.replace(",go,", ",café,").encode("latin-1"), "train.csv")
    with pytest.raises(UserError, match=r"train\.jsonl:2: byte \d+ \(0xE9\) is not UTF-8 \(latin-1"):
        read(json.dumps(OWN).encode() + b'\n{"context": "caf\xe9"}\n', "train.jsonl")


def test_texts_of_every_kind(read):
    texts = ["👩‍👩‍👧", "שלום", "e\u0301", "\ud83d"]
    line = json.dumps(OWN | {"choices": texts, "answer": "D"})
    (example,) = read(line + "\n")
    # Half a surrogate pair is no text.
    assert example.choices == ("👩‍👩‍👧", "שלום", "e\u0301", "\ufffd")


def test_no_such_file(tmp_path):
    with pytest.raises(UserError, match="--eval_file: no such file"):
        open_choices(str(tmp_path / "none.jsonl"), "eval_file")
    with pytest.raises(UserError, match="web address"):
        open_choices("https://example.org/train.jsonl", "eval_file")


def test_names_of_choices():
    assert [name_of(number) for number in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]
