"""The table of published data sets, on small files in their layouts and on the real ones."""

import pytest

from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.errors import UserError
from bert_tf2.tasks.classification.reading.glue import MNLI, NOT_HERE, TABLE, create_processor
from bert_tf2.tasks.classification.reading.table import TableProcessor

MNLI_HEADER = "index\tpromptID\tpairID\tgenre\ts1_bp\ts2_bp\ts1_p\ts2_p\tsentence1\tsentence2"
MNLI_TEST = MNLI_HEADER + "\n0\t1\t2\tg\tx\tx\tx\tx\tpremise\thypothesis\n"
MNLI_TRAIN = MNLI_HEADER + "\tlabel1\tgold_label\n0\t1\t2\tg\tx\tx\tx\tx\tpremise\thypothesis\tneutral\tentailment\n"
MNLI_DEV = MNLI_HEADER + "\tlabel1\tlabel2\tgold_label\n0\t1\t2\tg\tx\tx\tx\tx\tpremise\thypothesis\tx\tx\tneutral\n"
MSR_HEADER = "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
SNLI_HEADER = "gold_label\ts1_bp\ts2_bp\ts1_p\ts2_p\tsentence1\tsentence2\tcaptionID\tpairID\tlabel1\n"
XNLI_HEADER = "language\tgold_label\ts1_bp\ts2_bp\ts1_p\ts2_p\tsentence1\tsentence2\tpromptID\n"
PAIR = "index\tsentence1\tsentence2\tlabel\n7\tone\ttwo\t{}\n"

# Task, files, and the first example expected of train, dev and test: text_a, text_b, label.
LAYOUTS = [
    ("CoLA", {"train": "gj\t1\t\tone\n", "dev": "gj\t0\t*\tone", "test": "index\tsentence\n0\tone\n"}, ("one", None), "1", "0"),
    ("SST-2", {"train": "sentence\tlabel\none \t1\n", "dev": "sentence\tlabel\none \t0\n", "test": "index\tsentence\n0\tone \n"},
     ("one ", None), "1", "0"),
    ("QQP", {"train": "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\tone\ttwo\t1\n",
             "dev": "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\tone\ttwo\t0\n",
             "test": "id\tquestion1\tquestion2\n1\tone\ttwo\n"}, ("one", "two"), "1", "0"),
    ("QNLI", {"train": PAIR.replace("sentence1", "question").replace("sentence2", "sentence").format("entailment"),
              "dev": PAIR.replace("sentence1", "question").replace("sentence2", "sentence").format("not_entailment"),
              "test": "index\tquestion\tsentence\n7\tone\ttwo\n"}, ("one", "two"), "entailment", "not_entailment"),
    ("RTE", {"train": PAIR.format("entailment"), "dev": PAIR.format("not_entailment"),
             "test": "index\tsentence1\tsentence2\n7\tone\ttwo\n"}, ("one", "two"), "entailment", "not_entailment"),
    ("WNLI", {"train": PAIR.format("1"), "dev": PAIR.format("0"), "test": "index\tsentence1\tsentence2\n7\tone\ttwo\n"},
     ("one", "two"), "1", "0"),
]  # fmt: skip


def write(directory, files):
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def only(examples):
    (example,) = list(examples)
    return example.text_a, example.text_b, example.label


@pytest.mark.parametrize(("task", "files", "texts", "train_label", "dev_label"), LAYOUTS, ids=[row[0] for row in LAYOUTS])
def test_published_layouts(tmp_path, task, files, texts, train_label, dev_label):
    write(tmp_path, {f"{split}.tsv": content for split, content in files.items()})
    processor = create_processor(task.lower())
    assert processor.name() == task
    assert only(processor.get_train_examples(str(tmp_path))) == (*texts, train_label)
    assert only(processor.get_dev_examples(str(tmp_path))) == (*texts, dev_label)
    assert only(processor.get_test_examples(str(tmp_path))) == (*texts, None)


def test_label_orders_are_the_references():
    orders = {dataset.name: dataset.labels for dataset in TABLE}
    nli = ("contradiction", "entailment", "neutral")
    assert orders["MNLI"] == orders["AX"] == orders["SNLI"] == orders["XNLI"] == nli
    assert orders["QNLI"] == orders["RTE"] == ("entailment", "not_entailment")
    assert orders["STS-B"] == ()
    assert {orders[name] for name in ("CoLA", "SST-2", "MRPC", "QQP", "WNLI", "PAWS-X")} == {("0", "1")}


def test_mrpc_from_the_original_files(tmp_path):
    rows = ["1\t10\t11\tone\ttwo", "0\t20\t21\tthree\tfour", "1\t30\t31\tfive\tsix"]
    write(
        tmp_path,
        {
            "msr_paraphrase_train.txt": MSR_HEADER + "\n".join(rows) + "\n",
            "msr_paraphrase_test.txt": MSR_HEADER + "0\t40\t41\tseven\teight\n",
            "mrpc_dev_ids.tsv": "20\t21\n",
        },
    )
    processor = create_processor("MRPC")
    assert [example.text_a for example in processor.get_train_examples(str(tmp_path))] == ["one", "five"]
    assert only(processor.get_dev_examples(str(tmp_path))) == ("three", "four", "0")
    assert only(processor.get_test_examples(str(tmp_path))) == ("seven", "eight", "0")


def test_mnli_matched_and_mismatched(tmp_path):
    names = ("dev_matched", "dev_mismatched")
    write(tmp_path, {"train.tsv": MNLI_TRAIN, "test_matched.tsv": MNLI_TEST, **{f"{name}.tsv": MNLI_DEV for name in names}})
    processor = create_processor("mnli")
    assert only(processor.get_train_examples(str(tmp_path))) == ("premise", "hypothesis", "entailment")
    assert only(processor.get_dev_examples(str(tmp_path))) == ("premise", "hypothesis", "neutral")
    assert only(processor.get_test_examples(str(tmp_path))) == ("premise", "hypothesis", None)
    extra = processor.extra_splits(str(tmp_path))
    assert list(extra) == ["eval_mismatched"]
    assert only(extra["eval_mismatched"]()) == ("premise", "hypothesis", "neutral")
    mismatched = create_processor("MNLI", mnli_type="mismatched")
    for found in (mismatched, create_processor("mismnli"), create_processor("MNLI_mismatched")):
        assert next(found.get_dev_examples(str(tmp_path))).origin[0].endswith("dev_mismatched.tsv")
    matched = create_processor("mnli_matched")
    assert next(matched.get_dev_examples(str(tmp_path))).origin[0].endswith("dev_matched.tsv")
    assert mismatched.extra_splits(str(tmp_path)) == {}


def test_ax_takes_mnli_for_training(tmp_path):
    write(tmp_path, {"MNLI/train.tsv": MNLI_TRAIN, "AX/AX.tsv": "index\tsentence1\tsentence2\n0\tone\ttwo\n"})
    processor = create_processor("AX")
    assert only(processor.get_train_examples(str(tmp_path / "AX"))) == ("premise", "hypothesis", "entailment")
    assert only(processor.get_test_examples(str(tmp_path / "AX"))) == ("one", "two", None)


def test_snli_leaves_out_rows_without_agreement_and_says_so(tmp_path):
    row = "{}\tx\tx\tx\tx\tone\ttwo\tc\tp\tneutral\n"
    write(tmp_path, {"snli_1.0_train.txt": SNLI_HEADER + row.format("-") + row.format("entailment")})
    processor = create_processor("SNLI")
    assert only(processor.get_train_examples(str(tmp_path))) == ("one", "two", "entailment")
    assert "1 rows labelled '-'" in processor.notices[0]


def test_xnli_by_language(tmp_path):
    row = "{}\tneutral\tx\tx\tx\tx\tone {}\ttwo\tp\n"
    both = XNLI_HEADER + row.format("de", "de") + row.format("zh", "zh")
    train = "premise\thypo\tlabel\none\ttwo\tcontradictory\n"
    write(tmp_path, {"xnli.dev.tsv": both, "xnli.test.tsv": both, "multinli/multinli.train.zh.tsv": train})
    processor = create_processor("XNLI", xnli_language="zh")
    assert only(processor.get_train_examples(str(tmp_path))) == ("one", "two", "contradiction")
    assert [example.text_a for example in processor.get_dev_examples(str(tmp_path))] == ["one de", "one zh"]
    tests = processor.get_test_examples(str(tmp_path))
    assert len(tests) == 15
    assert only(tests["zh"]) == ("one zh", "two", "neutral")
    with pytest.raises(UserError, match="no language 'xh'"):
        create_processor("XNLI", xnli_language="xh")


def test_paws_x_by_language(tmp_path):
    rows = "id\tsentence1\tsentence2\tlabel\n1\tone\ttwo\t1\n"
    languages = ("de", "en", "es", "fr", "ja", "ko", "zh")
    write(tmp_path, {f"{language}/dev_2k.tsv": rows for language in languages})
    write(tmp_path, {"de/translated_train.tsv": rows})
    processor = create_processor("PAWS-X", pawsx_language="de")
    assert only(processor.get_train_examples(str(tmp_path))) == ("one", "two", "1")
    assert [example.example_id for example in processor.get_dev_examples(str(tmp_path))] == list(range(7))


def test_one_language_alone(tmp_path):
    header = "\t".join(["language", "gold_label", *"abcd", "sentence1", "sentence2"])
    rows = [f"{language}\tneutral\t\t\t\t\tone {language}\ttwo" for language in ("en", "zh", "ur", "zh")]
    write(tmp_path, {f"xnli.{split}.tsv": "\n".join([header, *rows]) + "\n" for split in ("dev", "test")})
    processor = create_processor("XNLI", xnli_language="zh", only_language=True)
    for examples in (processor.get_dev_examples(str(tmp_path)), processor.get_test_examples(str(tmp_path))):
        assert [example.text_a for example in examples] == ["one zh", "one zh"]
    everything = create_processor("XNLI", xnli_language="all", only_language=True)
    assert len(list(everything.get_dev_examples(str(tmp_path)))) == 4
    assert len(everything.get_test_examples(str(tmp_path))) == 15


def test_imdb_directories(tmp_path):
    for split in ("train", "test"):
        write(tmp_path, {f"{split}/neg/1_2.txt": "bad<br />film", f"{split}/pos/0_9.txt": "good"})
    processor = create_processor("imdb")
    examples = list(processor.get_dev_examples(str(tmp_path)))
    assert [(example.text_a, example.label) for example in examples] == [("bad film", "neg"), ("good", "pos")]
    with pytest.raises(UserError, match="IMDB has no test data"):
        processor.get_test_examples(str(tmp_path))
    with pytest.raises(UserError, match=r"expected as train/neg/\*\.txt"):
        list(processor.get_train_examples(str(tmp_path / "none")))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "train.tsv: the file is empty"),
        ("sentence\tlabel\na\tb\tc\n", "train.tsv:2: 3 columns, expected 2 (with sentence, label); a tab inside the text?"),
        ("sentence\tlabel\na\n", "train.tsv:2: 1 columns, expected 2"),
        ("sentence\tlabel\na\t1\n\nb\t0\n", "train.tsv:3: empty line"),
        (
            "a text\t1\nb\t0\n",
            "train.tsv:1: the first row is not the expected one: no column 'sentence'; expected a header with",
        ),
    ],
)
def test_rows_that_do_not_fit_are_named(tmp_path, content, message):
    write(tmp_path, {"train.tsv": content})
    with pytest.raises(UserError) as caught:
        list(create_processor("SST-2").get_train_examples(str(tmp_path)))
    assert message in str(caught.value)


QQP_TRAIN = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\tone\ttwo\t1\n{}7\t8\t9\tthree\tfour\t0\n"
SHORT = "4\t5\t6\tone\n"


@pytest.mark.parametrize("skip", [False, True])
def test_known_short_rows_of_qqp_are_left_out_and_counted(tmp_path, skip):
    write(tmp_path, {"train.tsv": QQP_TRAIN.format(SHORT)})
    processor = create_processor("QQP")
    processor.bad_rows = BadRows(skip=skip)
    assert [example.example_id for example in processor.get_train_examples(str(tmp_path))] == [0, 2]
    assert processor.bad_rows.count == 1
    assert "train.tsv:3: 4 columns, expected 6" in processor.bad_rows.first


def test_unknown_bad_rows_stay_errors(tmp_path):
    write(tmp_path, {"train.tsv": QQP_TRAIN.format(SHORT * 101), "dev.tsv": QQP_TRAIN.format("4\t5\t6\ta\tb\tc\t1\n")})
    write(tmp_path, {"test.tsv": "id\tquestion1\tquestion2\n0\tone\ttwo\n1\tone\n"})
    processor = create_processor("QQP")
    for examples, where in (
        (processor.get_train_examples(str(tmp_path)), "train.tsv:103: 4 columns"),
        (processor.get_dev_examples(str(tmp_path)), "dev.tsv:3: 7 columns"),
        (processor.get_test_examples(str(tmp_path)), "test.tsv:3: 2 columns"),
    ):
        with pytest.raises(UserError, match=where) as caught:
            list(examples)
        # No command, so no flag of a command.
        assert "--on_bad_row" not in str(caught.value)


def every_layout():
    """A case for each file of each split of each data set: data set, split, layout."""
    for dataset in (*TABLE, MNLI["mismatched"]):
        splits = {"train": dataset.train, "dev": dataset.dev, "test": dataset.test}
        splits |= {name: (layout,) for name, layout in dataset.extra.items()}
        for split, layouts in splits.items():
            # A copy of CoLA's development set as test set has a test of its own.
            for layout in [layout for layout in layouts if split != "test" or not layout.columns]:
                yield pytest.param(dataset, split, layout, id=f"{dataset.name}-{split}-{layout.file}")


def read_layout(directory, dataset, split, layout, lines, begin=""):
    """Writes a file of a layout and reads its split."""
    language = dataset.languages[0] if dataset.languages else "en"
    write(directory, {"in/" + layout.file.format(language=language): begin + "\n".join(lines) + "\n"})
    write(directory, {"in/" + name: "1\t2\n" if layout.in_id_file else "8\t9\n" for name in [layout.id_file] if name})
    processor = TableProcessor(dataset, language, only_language=True)
    methods = {"train": processor.get_train_examples, "dev": processor.get_dev_examples, "test": processor.get_test_examples}
    read = methods.get(split) or (lambda data_dir: processor.extra_splits(data_dir)[split]())
    return [(example.text_a, example.text_b, example.label) for example in read(str(directory / "in"))]


def cells_of(dataset, layout, names):
    known = {layout.label: (*dataset.labels, "2.5")[0], layout.language: (*dataset.languages, "")[0]}
    known |= dict(zip(layout.ids, "12"))
    return [known.get(name, f"the {name}") for name in names]


@pytest.mark.parametrize(("dataset", "split", "layout"), list(every_layout()))
@pytest.mark.parametrize("begin", ["", "\ufeff"])
def test_every_file_of_the_table_is_read_by_its_header_or_refused(tmp_path, dataset, split, layout, begin):
    label = cells_of(dataset, layout, [layout.label])[0] if layout.label else None
    expected = (f"the {layout.text_a}", f"the {layout.text_b}" if layout.text_b else None, label)
    for names in (["index", *layout.names], [*reversed(layout.names), "x"]):
        lines = ["\t".join(names)] + ["\t".join(cells_of(dataset, layout, names))] * 3
        assert read_layout(tmp_path, dataset, split, layout, lines, begin) == [expected] * 3
        for header in (lines[1:], ["\t".join("abcdefgh"[: len(names)]), *lines[1:]]):
            with pytest.raises(UserError) as caught:
                read_layout(tmp_path, dataset, split, layout, header, begin)
            assert layout.file.format(language=(*dataset.languages, "en")[0]) + ":1: the first row" in str(caught.value)
            assert ", ".join(layout.names) in str(caught.value)
            assert "found: " + header[0].split("\t")[0] in str(caught.value)
    twice = [["\t".join([*layout.names, layout.names[0]])], ["\t".join(["x"] * (len(layout.names) + 1))]]
    with pytest.raises(UserError, match=f"the column '{layout.names[0]}' occurs twice"):
        read_layout(tmp_path, dataset, split, layout, [line for lines in twice for line in lines], begin)


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_cola_without_a_header_keeps_its_first_row(tmp_path, split):
    write(tmp_path, {f"{split}.tsv": "gj04\t1\t\tOne\nks08\t0\t*\tTwo\n"})
    processor = create_processor("CoLA")
    examples = list(getattr(processor, f"get_{split}_examples")(str(tmp_path)))
    assert [(example.text_a, example.label) for example in examples] == [("One", "1"), ("Two", "0")]
    write(tmp_path, {f"{split}.tsv": "gj04\tyes\t\tOne\n"})
    with pytest.raises(UserError, match=rf"{split}\.tsv:1: .*4 columns source, label, star, sentence without a header"):
        list(getattr(processor, f"get_{split}_examples")(str(tmp_path)))


def test_a_missing_file_is_named_with_what_is_there(tmp_path):
    (tmp_path / "train.csv").write_text("")
    with pytest.raises(UserError, match=r"no such file: .*dev\.tsv \(in .*: train\.csv\)"):
        next(create_processor("RTE").get_dev_examples(str(tmp_path)))
    with pytest.raises(UserError, match=r"no train\.tsv or msr_paraphrase_train\.txt in .* \(train\.csv\)"):
        next(create_processor("MRPC").get_train_examples(str(tmp_path)))
    with pytest.raises(UserError, match="--input_data_dir is needed"):
        next(create_processor("MRPC").get_train_examples(None))


def test_unknown_tasks():
    with pytest.raises(UserError, match="Did you mean 'MRPC'"):
        create_processor("MRCP")
    for name in NOT_HERE:
        with pytest.raises(UserError, match="not in this version"):
            create_processor(name)


REAL = {"MRPC": (3668, 408, 1725), "CoLA": (8551, 1043, 1063), "SST-2": (67349, 872, 1821), "STS-B": (5749, 1500, 1379)}


@pytest.mark.real_data
@pytest.mark.parametrize("task", REAL)
def test_the_real_files_have_their_counts(real_data, task):
    processor = create_processor(task)
    directory = str(real_data / "glue" / task)
    splits = (processor.get_train_examples, processor.get_dev_examples, processor.get_test_examples)
    rows = [list(split(directory)) for split in splits]
    assert tuple(map(len, rows)) == REAL[task]
    assert all(example.label is None for example in rows[2])
    if task == "MRPC":
        assert [sum(example.label == "1" for example in split) for split in rows[:2]] == [2474, 279]
