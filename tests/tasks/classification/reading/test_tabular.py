"""A user's own files, without code."""

import json
import sys
import tracemalloc

import pytest

from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.errors import UserError
from bert_tf2.tasks.classification.reading.tabular import TabularProcessor
from bert_tf2.tasks.classification.reading.tabular_options import TabularOptions


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


def test_a_column_has_one_role(processor):
    content = "sentence1\tsentence2\tlabel\na\tb\tx\nc\td\ty\n"
    # What a flag names is not the second text too, only because of its name.
    assert rows(processor(content, text_column="sentence2").get_train_examples()) == [("b", None, "x"), ("d", None, "y")]
    for options in ({"text_column": "label", "label_column": "2"}, {"text_b_column": "sentence1", "weight_column": "sentence1"}):
        with pytest.raises(UserError, match=r"train\.tsv:1: --\w+=\w+ and --\w+=\w+ are the same column; give each its own"):
            processor(content, **options)
    objects = '{"text": "a", "label": "b"}\n'
    with pytest.raises(UserError, match="--text_column=text and --label_column=text are the same column"):
        processor(objects, "a.jsonl", text_column="text", label_column="text")
    with pytest.raises(UserError, match="which column holds the label"):
        processor(content, text_column="label")


def test_few_rows_of_many_classes_can_be_evaluated_on(processor):
    names = [f"class{number}" for number in range(30)]
    table = "text\tlabel\n" + "".join(f"a\t{name}\n" for name in names)
    trained = table + table.partition("\n")[2]
    assert processor(trained, eval_content=table).get_labels() == sorted(names)
    with pytest.raises(UserError, match="30 different labels in 30 rows"):
        processor(table, eval_content=trained).get_labels()
    assert processor(table, labels=tuple(names)).get_labels() == names
    assert processor("text\tlabel\n" + "".join(f"a\t{name}\n" for name in names[:19])).get_labels()


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
        ("a\tb\n", "a.xlsx", {}, "pass --data_format=tsv, csv, jsonl, json or parquet"),
        ("text\tlabel\n" + "".join(f"a\t{n}.5\n" for n in range(30)), "a.tsv", {}, "--fine_tuning_task_type=regression"),
        ("text\tlabel\n" + "".join(f"a\tl{n}\n" for n in range(20_002)), "a.tsv", {}, "more than 20,000 different labels"),
        ('{"text": "a", "label": "b"}\n', "a.jsonl", {"quotechar": "'"}, "so --quotechar=' can do nothing"),
        ("{}\n", "a.jsonl", {}, "which column holds the text?"),
        ("[1]\n", "a.jsonl", {}, "a.jsonl:1: not a JSON object: [1]"),
        ('{"text": "a", "label": "b"}\n', "a.jsonl", {"header": "yes"}, "so --header=yes can do nothing"),
        ('{"text": "a", "label": "b"}\n', "a.jsonl", {"delimiter": ";"}, "so --delimiter=; can do nothing"),
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
        list(found.get_train_examples() if found.get_labels() else ())
    assert message in str(caught.value)
    found.bad_rows = BadRows(skip=True)
    assert found.get_labels() == ["x", "y"]
    found.bad_rows = BadRows(skip=True)
    assert rows(found.get_train_examples())[-1] == ("c", None, "y")
    assert found.bad_rows.count == 1


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            "text,label,text",
            "2 columns are called 'text' (places from 0: 0, 2); pass --header=yes and --text_column=0 or --text_c",
        ),
        ("text,label, Text ", "2 columns are called 'text' (places from 0: 0, 2)"),
        ("text,label,label", "2 columns are called 'label' (places from 0: 1, 2); pass --header=yes and --label_column=1"),
    ],
)
def test_columns_of_one_name_are_refused_unless_places_choose(processor, header, message):
    content = f"{header}\na,x,b\nc,y,d\n"
    with pytest.raises(UserError) as caught:
        processor(content, "a.csv")
    assert f"a.csv:1: {message}" in str(caught.value)
    chosen = processor(content, "a.csv", header="yes", text_column="2", label_column="1")
    assert rows(chosen.get_train_examples()) == [("b", None, "x"), ("d", None, "y")]


def test_columns_whose_names_have_blanks(processor):
    content = "my id,  the text ,label\n1,a,x\n2,b,y\n"
    for given in ("the text", "  the text ", " the text"):
        assert rows(processor(content, "a.csv", text_column=given).get_train_examples()) == [("a", None, "x"), ("b", None, "y")]
    both = " text ,text,label\n1,a,x\n2,b,y\n"
    assert rows(processor(both, "b.csv", text_column=" text ").get_train_examples())[0] == ("1", None, "x")
    assert rows(processor(both, "b.csv", text_column="text").get_train_examples())[0] == ("a", None, "x")
    objects = '{" text ": "1", "text": "a", "label": "x"}\n'
    with pytest.raises(UserError, match="pass --text_column=' text ' or --text_column='text'"):
        processor(objects, "c.jsonl")
    assert rows(processor(objects, "c.jsonl", text_column=" text ").get_train_examples()) == [("1", None, "x")]


ROWS = [("good; really, good", None, "pos"), ('a "bad" film', None, "neg"), ("so\ttabbed", None, "pos")]
OBJECTS = [{"id": 1, "text": text, "label": label} for text, _, label in ROWS]
TABLE = 'id{0}text{0}label\n1{0}"good; really, good"{0}pos\n2{0}"a ""bad"" film"{0}neg\n3{0}"so\ttabbed"{0}pos\n'
FORMS = {
    "a.csv": TABLE.format(","),
    "semicolons.csv": TABLE.format(";"),
    "tabs.csv": TABLE.format("\t"),
    "pipes.csv": TABLE.format("|"),
    "commas.txt": TABLE.format(","),
    "semicolons.tsv": TABLE.format(";"),
    "a.jsonl": "".join(json.dumps(row) + "\n" for row in OBJECTS),
    "lines.json": "".join(json.dumps(row) + "\n" for row in OBJECTS),
    "lines.txt": "".join(json.dumps(row) + "\n" for row in OBJECTS),
    "array.json": json.dumps(OBJECTS),
    "indented.json": "\ufeff" + json.dumps(OBJECTS, indent=2) + "\n",
}


@pytest.mark.parametrize("name", FORMS)
def test_forms_are_recognised(processor, name):
    found = processor(FORMS[name], name)
    assert rows(found.get_train_examples()) == ROWS
    assert found.get_labels() == ["neg", "pos"]
    told = {"semicolons.csv": "semicolons, not commas", "tabs.csv": "tabs, not commas", "pipes.csv": "pipes, not commas"}
    told |= {"commas.txt": "commas, not tabs", "semicolons.tsv": "semicolons, not tabs"}
    assert [told.get(name, "?") in notice for notice in found.notices] == ([True] if name in told else [])


@pytest.mark.parametrize("sign", [";", "semicolon", "Semicolon"])
def test_a_delimiter_can_be_given(processor, sign):
    found = processor(TABLE.format(";"), delimiter=sign)
    assert rows(found.get_train_examples()) == ROWS
    assert found.notices == []
    found = processor("a^x\nb^y\n", "b.txt", delimiter="^", text_column="0", label_column="1")
    assert rows(found.get_train_examples()) == [("a", None, "x"), ("b", None, "y")]


def test_a_table_without_header_is_divided_where_one_sign_alone_does(processor):
    places = {"text_column": "0", "label_column": "1"}
    content = "good, really, good;pos\nbad;neg\n"
    assert rows(processor(content, "a.csv", **places).get_train_examples())[0] == ("good, really, good", None, "pos")
    with pytest.raises(UserError, match=r"which sign separates the columns\? Pass --delimiter=comma or --delimiter=semicolon"):
        processor("one, two;pos\nthree, four;neg\n", "b.csv", **places)
    # A column alone, which may hold semicolons; or the label of a test set.
    with pytest.raises(UserError, match="which sign separates the columns"):
        processor("a,x\nb,y\n", "c.csv", test_content="one;two\nthree;four\n", **places)
    found = processor("a,x\nb,y\n", "c.csv", test_content="one;two\nthree;four\n", delimiter="comma", **places)
    assert rows(found.get_test_examples()) == [("one;two", None, None), ("three;four", None, None)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.tsv", FORMS["a.jsonl"], "by its name a table, but it holds a JSON object on each line; pass --data_format=jsonl"),
        ("a.csv", FORMS["array.json"], "by its name a table, but it holds a JSON array; pass --data_format=json"),
        ("a.jsonl", FORMS["array.json"], "a JSON object on each line, but it holds a JSON array; pass --data_format=json"),
        ("a.json", '{"data": [\n{"text": "a"}\n]}\n', "one JSON object over several lines; rows are"),
        ("a.json", "text\tlabel\n", "a.json is a text file, not a JSON array of objects; let its name say what it is (.tsv"),
        ("a.json", '[{"text": "a", "label": "x"}] []', "there is more behind the array"),
        ("a.json", '[{"text": "a", "label": "x"}, 7]', "a.json:row 2: not a JSON object"),
        ("a.jsonl", "text\tlabel\n", "a.jsonl:1: not a JSON object: text"),
        ("a.parquet", "text\tlabel\n", "by its name Parquet, but it holds plain text; rename the file"),
        ("a.tsv", "version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        ("a.csv", "PK\x03\x04", "is a ZIP archive"),
    ],
)
def test_content_that_contradicts_the_name_is_refused(processor, name, content, message):
    with pytest.raises(UserError) as caught:
        processor(content, name).get_labels()
    assert message in str(caught.value)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_parquet(processor, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {"id": list(range(5000)), "text": [f"text {i}" for i in range(5000)], "label": [i % 3 for i in range(5000)]}
    columns["text"][7] = None
    parquet.write_table(pyarrow.table(columns), tmp_path / "train.parquet", row_group_size=700)
    for path in (f"{tmp_path}/train.parquet", f"file://{tmp_path}/train.parquet"):
        found = TabularProcessor(TabularOptions(train_file=path))
        found.bad_rows = BadRows(skip=True)
        read = list(found.get_train_examples())
        assert rows(read)[:2] == [("text 0", None, "0"), ("text 1", None, "1")]
        assert (len(read), read[-1].example_id, read[-1].where()) == (4999, 4999, f"{path}:row 5000")
        assert found.bad_rows.first == f"{path}:row 8: the text is not a string"
        assert found.get_labels() == ["0", "1", "2"]
    with pytest.raises(UserError, match=r"no column 'txt' \(--text_column\)\. Did you mean 'text'"):
        TabularProcessor(TabularOptions(train_file=path, text_column="txt"))
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "train.parquet").read_bytes()[:900])
    with pytest.raises(UserError, match=r"cut\.parquet: cannot be read as Parquet"):
        TabularProcessor(TabularOptions(train_file=str(tmp_path / "cut.parquet")))


def test_parquet_without_the_package_says_how_to_install_it(tmp_path, monkeypatch):
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match=r"reading Parquet needs the package pyarrow: pip install 'bert_tf2\[parquet\]'"):
        TabularProcessor(TabularOptions(train_file=str(tmp_path / "a.parquet")))


@pytest.mark.parametrize("form", ["json", "parquet"])
def test_long_files_of_objects_are_read_row_by_row(tmp_path, form):
    number, text = 20_000, "word " * 200
    path = tmp_path / f"a.{form}"
    if form == "json":
        path.write_text(json.dumps([{"text": text, "label": str(i % 2)} for i in range(number)]))
    else:
        pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        table = pyarrow.table({"text": [f"{i} {text}" for i in range(number)], "label": [i % 2 for i in range(number)]})
        parquet.write_table(table, path, row_group_size=1000)
    found = TabularProcessor(TabularOptions(train_file=str(path)))
    next(found.get_train_examples())
    tracemalloc.start()
    assert sum(1 for _ in found.get_train_examples()) == number
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_a_missing_file_and_a_missing_split(tmp_path, processor):
    with pytest.raises(UserError, match="--train_file: no such file"):
        TabularProcessor(TabularOptions(train_file=str(tmp_path / "none.tsv")))
    with pytest.raises(UserError, match="no eval data: pass --eval_file"):
        list(processor("text\tlabel\na\tb\n").get_dev_examples())
