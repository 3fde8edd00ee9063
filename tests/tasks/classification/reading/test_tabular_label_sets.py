"""A user's own files in which a row has any number of labels."""

import json

import pytest

from bert_tf2.errors import UserError
from bert_tf2.tasks.classification.reading.tabular import TabularProcessor
from bert_tf2.tasks.classification.reading.tabular_options import TabularOptions


@pytest.fixture
def processor(tmp_path):
    def processor(train=None, name="train.tsv", test=None, **options):
        for flag, content in (("train_file", train), ("test_file", test)):
            if content is not None:
                path = tmp_path / f"{flag}-{name}"
                path.write_text(content, encoding="utf-8")
                options[flag] = str(path)
        return TabularProcessor(TabularOptions(**options))

    return processor


def read(processor, split="train"):
    """Labels by text, or what is wrong with them."""
    examples = processor.get_train_examples() if split == "train" else processor.get_test_examples()
    found = {example.text_a: processor.read_labels(example.label) for example in examples}
    return {text: complaint or names for text, (names, complaint) in found.items()}


EXPECTED = {"a": ("joy", "love"), "b": (), "c": ("joy",), "d": ("fear",), "e": ("love", "fear"), "f": ("love",)}
OBJECTS = [{"text": text, "labels": list(names)} for text, names in EXPECTED.items()]
TABLE = "text\tlabels\na\tjoy{0}love\nb\t\nc\tjoy\nd\t fear \ne\tlove{0} fear\nf\tlove\n"
COLUMNS = "text,joy,love,fear\na,1,1,0\nb,0,0,0\nc,1,0,0\nd,0,0,1\ne,0,1.0,True\nf,0,1,0\n"


@pytest.mark.parametrize(
    ("content", "name", "options", "found"),
    [
        (TABLE.format(","), "a.tsv", {}, "with a comma between two"),
        (TABLE.format(";"), "a.tsv", {}, "with a semicolon between two"),
        (TABLE.format("|"), "a.tsv", {"multi_label": True}, None),
        (TABLE.format("/"), "a.tsv", {"label_separator": "/"}, None),
        (TABLE.format("|"), "a.tsv", {"multi_label": True, "labels": ("fear", "joy", "love")}, None),
        ("text,labels\na,\"joy,love\"\nb,\nc,joy\nd,fear\ne,\"love,fear\"\nf,love\n", "a.csv", {}, "with a comma between two"),
        ("\n".join(map(json.dumps, OBJECTS)), "a.jsonl", {}, "as a list"),
        (json.dumps(OBJECTS), "a.json", {}, "as a list"),
        ("text\tlabels\n" + "".join(f"{one}\t{json.dumps(names)}\n" for one, names in EXPECTED.items()), "a.tsv", {}, "list"),
        ("text\tlabels\n" + "".join(f"{one}\t{list(names)}\n" for one, names in EXPECTED.items()), "a.tsv", {}, "as a list"),
        (COLUMNS, "a.csv", {"label_columns": ("joy", "love", "fear")}, None),
    ],
)  # fmt: skip
def test_every_form_gives_the_same_labels(processor, content, name, options, found):
    data = processor(content, name, **options)
    assert data.is_multi_label
    assert data.get_labels() == (["joy", "love", "fear"] if "label_columns" in options else ["fear", "joy", "love"])
    assert read(data) == EXPECTED
    assert any(found in notice for notice in data.notices) if found else not data.notices


def test_objects_with_a_key_for_each_label(processor):
    rows = [{"text": "a", "toxic": 1, "mild": 0}, {"text": "b", "toxic": True, "mild": False}]
    data = processor("\n".join(map(json.dumps, rows)), "a.jsonl", label_columns=("toxic", "mild"))
    assert read(data) == {"a": ("toxic",), "b": ("toxic",)}
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    path = data._sources["train"].path + ".parquet"
    parquet.write_table(pyarrow.table({"text": ["a", "b"], "toxic": [1, 1], "mild": [0.0, 0.0], "other": ["x", "y"]}), path)
    data = TabularProcessor(TabularOptions(train_file=path, label_columns=("toxic", "mild")))
    assert read(data) == {"a": ("toxic",), "b": ("toxic",)}
    parquet.write_table(pyarrow.table({"text": ["a", "b", "c"], "labels": [["x", "y"], [], None]}), path)
    data = TabularProcessor(TabularOptions(train_file=path))
    assert data.is_multi_label
    assert read(data) == {"a": ("x", "y"), "b": (), "c": ()}


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("text\tlabel\na\tParis, Texas\nb\tParis\n", {}),
        ("text\tlabel\na\tx,y\nb\tx\nc\ty\n", {"multi_label": False}),
        ("text\tlabel\na\tx\nb\ty\n", {}),
        ("text\tlabel\na\tx\nb\tx,y\n", {"labels": ("x", "x,y")}),
    ],
)
def test_a_label_with_a_sign_in_it_is_one_label(processor, content, options):
    data = processor(content, **options)
    assert not data.is_multi_label
    assert len(data.get_labels()) == len({line.split("\t")[1] for line in content.splitlines()[1:]})


def test_numbers_are_in_the_order_of_numbers(processor):
    data = processor("a\t10,2\nb\t2\nc\t1\nd\t10\n", text_column="0", label_column="1")
    assert data.is_multi_label
    assert data.get_labels() == ["1", "2", "10"]


def test_rows_to_predict_may_lack_all_labels_but_not_some(processor):
    columns = {"label_columns": ("joy", "love", "fear")}
    assert read(processor(COLUMNS, "a.csv", "text\nx\n", **columns), "test") == {
        "x": "the label column 'joy' is empty; it must be 0 or 1"
    }
    hidden = "text,joy,love,fear\nx,-1,-1,-1\n"
    assert "must be 0 or 1; got '-1'" in read(processor(COLUMNS, "a.csv", hidden, **columns), "test")["x"]
    with pytest.raises(UserError, match="there is the label column 'joy', but no 'love'; rows to predict have all label columns"):
        processor(COLUMNS, "a.csv", "text,joy\nx,1\n", **columns)


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (COLUMNS, {"label_columns": ("joy", "lov")}, ":1: no column 'lov' (--label_columns). Did you mean 'love'?"),
        (COLUMNS, {"label_columns": ("joy", "joy")}, "--label_columns names 'joy' twice"),
        (COLUMNS, {"label_columns": ("joy",)}, "of two classes, 0 and 1, it is --label_column=joy"),
        (COLUMNS, {"label_columns": ("joy", "text"), "text_column": "text"}, "--text_column=text and --label_columns=text"),
        (COLUMNS, {"label_columns": ("1", "2")}, "--label_columns takes names of the header"),
        (COLUMNS, {"label_columns": ("joy", "love"), "header": "no"}, "--label_columns needs a header"),
        (COLUMNS, {"label_columns": ("joy", "love"), "label_column": "fear"}, "--label_column and --label_columns exclude"),
        (COLUMNS, {"label_columns": ("joy", "love"), "labels": ("joy", "fear")}, "'fear' is in one of them only"),
        (COLUMNS, {"label_columns": ("joy", "love"), "is_regression": True}, "and --fine_tuning_task_type=regression says that"),
        (COLUMNS, {"label_columns": ("joy", "love"), "multi_label": False}, "--nomulti_label says that each has one"),
        (COLUMNS, {"label_separator": ",", "multi_label": False}, "--label_separator is for several labels of a row"),
        ("text,labels\na,x|y\nb,x;y\n", {"multi_label": True}, "which sign separates the labels? Pass --label_separator="),
        ("text,labels\na,\nb, \n", {"multi_label": True}, "0 data rows with a label"),
        ("text,labels\na,x\nb,\n", {"multi_label": True}, "only the label 'x' occurs"),
        ("text,labels\n", {"multi_label": True}, "0 data rows with a label"),
        ("", {"multi_label": True}, "the file is empty"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_one_clear_line(processor, content, options, message):
    with pytest.raises(UserError) as caught:
        processor(content, "a.csv", **options).get_labels()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_many_combinations_of_few_labels(processor):
    # More different cells than there may be labels.
    names = [f"label{index}" for index in range(16)]
    rows = (",".join(name for bit, name in enumerate(names) if number >> bit & 1) for number in range(1, 1 << 16))
    data = processor("text\tlabels\n" + "".join(f"text {index}\t{row}\n" for index, row in enumerate(rows)))
    assert data.is_multi_label
    assert sorted(data.get_labels()) == sorted(names)


def test_an_object_without_the_key_is_not_one_without_labels(processor):
    made = processor("\n".join(map(json.dumps, [*OBJECTS, {"text": "g"}])), "a.jsonl")
    made.get_labels()
    with pytest.raises(UserError, match=r"a\.jsonl:7: no 'labels' in the object; a text without any label says so with \[\]"):
        read(made)
