"""A user's own files, without code."""

import pytest

from bert_tf2.data.bad_rows import BadRows
from bert_tf2.data.tabular import TabularOptions, TabularProcessor
from bert_tf2.errors import UserError


@pytest.fixture
def processor(tmp_path):
    def processor(content, name="train.tsv", eval_content=None, test_content=None, **options):
        contents = {"train_file": (name, content), "eval_file": (f"eval-{name}", eval_content)}
        contents["test_file"] = (f"test-{name}", test_content)
        for flag, (file, text) in contents.items():
            if text is not None:
                (tmp_path / file).write_text(text, encoding="utf-8")
                options[flag] = str(tmp_path / file)
        return TabularProcessor(TabularOptions(**options))

    return processor


def rows(examples):
    return [(example.text_a, example.text_b, example.label) for example in examples]


def test_usual_names_need_no_flags(processor):
    found = processor("Label,Text\npos,good\nneg,bad\n", "a.csv")
    assert rows(found.get_train_examples()) == [("good", None, "pos"), ("bad", None, "neg")]
    assert found.get_labels() == ["neg", "pos"]
    assert found.name() == "a"


def test_columns_by_name_and_by_place(processor):
    content = "id\tfirst\tsecond\tclass\n1\ta\tb\tx\n2\tc\td\ty\n"
    by_name = processor(content, text_column="first", text_b_column="second", label_column="class")
    by_place = processor(content, text_column="1", text_b_column="2", label_column="3", header="yes")
    assert rows(by_name.get_train_examples()) == rows(by_place.get_train_examples()) == [("a", "b", "x"), ("c", "d", "y")]


def test_places_alone_mean_no_header(processor):
    found = processor("x\tone\ny\ttwo\n", text_column="1", label_column="0")
    assert rows(found.get_train_examples()) == [("one", None, "x"), ("two", None, "y")]
    assert [example.origin[1] for example in found.get_train_examples()] == [1, 2]


def test_a_header_taken_for_a_row_is_noticed(processor):
    content = "label\ttext\n" + "a\tone\nb\ttwo\n" * 5
    with pytest.raises(UserError, match=r"train\.tsv:1: the label 'label' occurs in the first row only"):
        processor(content, text_column="1", label_column="0").get_labels()


def test_json_lines(processor):
    content = '{"text": "a", "label": 10}\n{"text": "b", "label": 9}\n{"text": "c", "label": "10"}\n'
    found = processor(content, "a.jsonl", test_content='{"text": "d"}\n')
    assert found.get_labels() == ["9", "10"]
    assert rows(found.get_train_examples()) == [("a", None, "10"), ("b", None, "9"), ("c", None, "10")]
    assert rows(found.get_test_examples()) == [("d", None, None)]
    booleans = processor('{"q": "a", "y": true}\n{"q": "b", "y": false}\n', "b.jsonl", text_column="q", label_column="y")
    assert booleans.get_labels() == ["false", "true"]


def test_labels_come_from_what_is_trained_and_evaluated_on(processor):
    found = processor("text\tlabel\na\tx\n", eval_content="text\tlabel\na\ty\n", test_content="text\tlabel\na\tz\nb\t\n")
    assert found.get_labels() == ["x", "y"]
    assert rows(found.get_test_examples())[1] == ("b", None, None)
    assert processor("text\tlabel\na\tNone\nb\tx\n").get_labels() == ["None", "x"]


def test_rows_to_predict_define_no_classes(processor):
    found = processor(None, test_content="text\tlabel\na\t0\nb\t1\n")
    with pytest.raises(UserError, match=r"test-train\.tsv: rows to predict do not define classes; pass --labels"):
        found.get_labels()


def test_whole_numbers_are_sorted_as_numbers(processor):
    content = "text\tlabel\n" + "".join(f"a\t{label}\n" for label in ("10", "9", "-1"))
    assert processor(content).get_labels() == ["-1", "9", "10"]
    assert processor(content + "a\t--1\n").get_labels() == ["--1", "-1", "10", "9"]


def test_labels_can_be_given(processor):
    assert processor("text\tlabel\na\tx\n", labels=("y", "x")).get_labels() == ["y", "x"]


def test_test_files_may_lack_the_label(processor):
    found = processor("text\tstars\na\t1\n", test_content="id\ttext\n7\tb\n", label_column="stars")
    assert rows(found.get_test_examples()) == [("b", None, None)]


def test_regression_labels_and_weights(processor):
    content = '{"text": "a", "label": 1.5, "w": 2}\n{"text": "b", "label": "0.25"}\n'
    found = processor(content, "a.jsonl", is_regression=True, weight_column="w")
    assert [(example.label, example.weight) for example in found.get_train_examples()] == [(1.5, 2), ("0.25", None)]


def test_quoted_tsv(processor):
    found = processor('text\tlabel\n"a\tb"\tx\n', quotechar='"')
    assert rows(found.get_train_examples()) == [("a\tb", None, "x")]
    found = processor("text,label\n'a, \"b\"',x\n", "a.csv", quotechar="'")
    assert rows(found.get_train_examples()) == [('a, "b"', None, "x")]


@pytest.mark.parametrize(
    ("content", "name", "options", "message"),
    [
        ("", "a.tsv", {}, "a.tsv: the file is empty"),
        ("text\tlabel\n", "a.tsv", {}, "0 data rows"),
        ("a\tb\n", "a.tsv", {}, "which column holds the text? Pass --text_column"),
        ("text\tb\n", "a.tsv", {}, "which column holds the label? Pass --label_column"),
        ("text\tlabel\n", "a.tsv", {"text_column": "txet"}, "no column 'txet' (--text_column). Did you mean 'text'?"),
        ("a\tb\n", "a.tsv", {"text_column": "0", "label_column": "2"}, "2 columns, so --label_column can be 0 to 1; got 2"),
        ("a\tb\n", "a.tsv", {"text_column": "x", "header": "no"}, "the file has no header"),
        ("a\tb\n", "a.xlsx", {}, "pass --data_format=tsv, csv or jsonl"),
        ("text\tlabel\n" + "".join(f"a\t{n}.5\n" for n in range(30)), "a.tsv", {}, "--fine_tuning_task_type=regression"),
        ("text\tlabel\n" + "".join(f"a\tl{n}\n" for n in range(20_002)), "a.tsv", {}, "more than 20,000 different labels"),
        ('{"text": "a", "label": "b"}\n', "a.jsonl", {"quotechar": "'"}, "so --quotechar=' can do nothing"),
        ("{}\n", "a.jsonl", {}, "which column holds the text?"),
        ("[]\n", "a.jsonl", {}, "a.jsonl:1: not a JSON object: []"),
    ],
)
def test_what_cannot_be_read_is_one_clear_line(processor, content, name, options, message):
    with pytest.raises(UserError) as caught:
        processor(content, name, **options).get_labels()
    assert message in str(caught.value)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("a.csv", "x,a,b", ":3: 3 columns, expected 2; a tab or comma inside the text?"),
        ("a.csv", "x", ":3: 1 columns, expected 2"),
        ("a.jsonl", '{"txt": 1}', ":3: no 'text' in the object"),
        ("a.jsonl", '{"text": 1, "label": "x"}', ":3: the text is not a string"),
        ("a.jsonl", "what", ":3: not a JSON object"),
        ("a.jsonl", '{"text": "b", "label": ["x", "y"]}', ":3: the label must be one string or number, not a list"),
        ("a.jsonl", '{"text": "b", "label": {"x": 1}}', ":3: the label must be one string or number, not an object"),
    ],
)
def test_bad_rows_fail_or_are_left_out(processor, name, row, message):
    first = "text,label\na,x" if name == "a.csv" else '{"text": "a", "label": "x"}\n{"text": "b", "label": "x"}'
    last = "c,y" if name == "a.csv" else '{"text": "c", "label": "y"}'
    found = processor(f"{first}\n{row}\n{last}\n", name)
    with pytest.raises(UserError) as caught:
        list(found.get_train_examples())
    assert message in str(caught.value)
    found.bad_rows = BadRows(skip=True)
    assert rows(found.get_train_examples())[-1] == ("c", None, "y")
    assert found.bad_rows.count == 1
    assert found.get_labels() == ["x", "y"]


def test_a_missing_file_and_a_missing_split(tmp_path, processor):
    with pytest.raises(UserError, match="--train_file: no such file"):
        TabularProcessor(TabularOptions(train_file=str(tmp_path / "none.tsv")))
    with pytest.raises(UserError, match="no eval data: pass --eval_file"):
        list(processor("text\tlabel\na\tb\n").get_dev_examples())
