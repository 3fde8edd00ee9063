"""The command create_finetuning_data.py, from its flags to its files."""

import json
import os
import pathlib
import resource
import subprocess
import sys

import pytest
import tensorflow as tf
from finetuning_workplace import GOOD_ROWS, Place

from bert_tf2.text.normalization import Normalization

ROOT = pathlib.Path(__file__).resolve().parents[3]
COMMAND = ROOT / "data_prep" / "create_finetuning_data.py"


@pytest.fixture
def place(tmp_path, tiny_vocab_file, capsys):
    return Place(tmp_path, tiny_vocab_file, capsys)


def test_own_files_end_to_end(place):
    place.write("train.tsv", GOOD_ROWS)
    place.write("eval.tsv", "text\tlabel\nbad\tneg\n")
    place.write("test.tsv", "text\nthe movie\n")
    code, printed, errors = place.run(splits=("train", "eval", "test"))
    assert (code, errors) == (0, "")
    assert "train: 2 rows, 5.5 tokens on average, 95% up to 6, longest 6, 0.0% cut" in printed
    assert "labels: neg 1 (50.0%), pos 1 (50.0%)" in printed
    assert "run_classifier.py --mode=train_and_eval" in printed
    assert f"--input_meta_data_path={place.out}/meta.json" in printed
    assert place.meta_data().label_list == ("neg", "pos")
    assert sorted(os.listdir(place.out)) == [
        "eval.tf_record",
        "meta.json",
        "meta.vocab.txt",
        "test.tf_record",
        "train.tf_record",
    ]


def test_semicolons_are_recognised_and_said(place):
    place.write("train.tsv", GOOD_ROWS.replace("\t", ";"))
    code, _, errors = place.run()
    assert code == 0
    assert "train.tsv: the columns are separated by semicolons, not tabs" in errors
    assert place.meta_data().label_list == ("neg", "pos")
    assert place.run("--delimiter=semicolon")[::2] == (0, "")


def test_a_users_processor_of_ten_lines(place):
    processor = place.write(
        "products.py",
        """
import os
from bert_tf2.data.processors import DataProcessor, InputExample, register_processor

@register_processor("products-2")
class ProductProcessor(DataProcessor):
    def get_train_examples(self, data_dir): return self.examples(data_dir, "train")
    def get_dev_examples(self, data_dir): return self.examples(data_dir, "dev")
    def get_labels(self): return ["fashion", "houseliving", "game"]
    def examples(self, data_dir, split):
        rows = self._read_tsv(os.path.join(data_dir, split + ".tsv"))
        return [InputExample(f"{split}-{i}", text, None, label) for i, (label, text) in enumerate(rows)]
""",
    )
    place.write("zh/train.tsv", "game\tgood movie\nfashion\tthe\nhouseliving\tbad\n")
    flags = (f"--module_import={processor}", "--classification_task_name=products-2", f"--input_data_dir={place.directory}/zh")
    assert place.run(*flags, files=False)[0] == 0
    assert place.meta_data().label_list == ("fashion", "houseliving", "game")
    assert place.meta_data().processor_type == "ProductProcessor"


def test_a_task_of_the_table(place):
    place.write(
        "mrpc/train.tsv",
        "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n1\t7\t8\tgood\tvery good\r\n0\t7\t8\tbad\tgood\r\n",
    )
    code, printed, _ = place.run("--classification_task_name=mrpc", f"--input_data_dir={place.directory}/mrpc", files=False)
    assert code == 0
    assert place.meta_data().metrics == ("accuracy", "f1")
    assert "labels: 0 1 (50.0%), 1 1 (50.0%)" in printed


BAD_FILES = {
    "empty": ("", "train.tsv: the file is empty"),
    "header only": ("text\tlabel\n", "train.tsv: 0 data rows"),
    "too few columns": ("text\tlabel\na\tx\nb\n", "train.tsv:3: 1 columns, expected 2"),
    "a tab in the text": ("text\tlabel\na\tb\tx\n", "train.tsv:2: 3 columns, expected 2; a tab or comma inside the text?"),
    "blank line": ("text\tlabel\na\tx\n\nb\ty\n", "train.tsv:3: empty line"),
    "empty text": ("text\tlabel\n\tx\nb\ty\n", "train.tsv:2: empty text"),
    "no label": ("text\tlabel\na\t\nb\ty\nc\tz\n", "train.tsv:2: the label is missing"),
    "one label": ("text\tlabel\na\tx\nb\tx\n", "train.tsv: only the label 'x' occurs; classification needs at least 2"),
    "NUL": (b"text\tlabel\na\0\tx\nb\ty\n", "train.tsv:2: NUL byte at byte 2"),
    "latin-1": (b"text\tlabel\ncaf\xe9\tx\nb\ty\n", "train.tsv:2: byte 4 (0xE9) is not UTF-8"),
    "UTF-16": ("text\tlabel\na\tx\n".encode("utf-16"), "train.tsv:1: the file is UTF-16"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files(place, name):
    content, message = BAD_FILES[name]
    place.write("train.tsv", content)
    place.fails(message)


@pytest.mark.parametrize("name", ["too few columns", "a tab in the text", "blank line", "empty text", "no label"])
def test_every_row_that_can_be_left_out_is_told_how(place, name):
    content, message = BAD_FILES[name]
    place.write("train.tsv", content + "bad\tneg\ngood\tpos\n")
    for flags in ((), ("--labels=neg,pos,x,y,z",)):
        assert "(--on_bad_row=skip leaves such rows out and lists them)" in place.fails(message, *flags)


def test_labels_of_which_every_row_has_its_own_are_no_classes(place):
    place.write("train.tsv", "index\ttext\tlabel\n" + "".join(f"{n}\tgood\t{n % 2}\n" for n in range(20)))
    said = place.fails("train.tsv: 20 different labels in 20 rows, such as '0'", "--label_column=index")
    assert (
        "(--label_column)? For numbers pass --fine_tuning_task_type=regression; to insist, name all classes by --labels" in said
    )
    assert place.run()[0] == 0
    insisting = f"--labels={','.join(map(str, range(20)))}"
    assert place.run("--label_column=index", insisting)[0] == 0


def test_unknown_labels_name_file_row_label_and_known_labels(place):
    place.write("train.tsv", GOOD_ROWS)
    place.write("eval.tsv", "text\tlabel\nbad\tnegg\n")
    last = place.fails(
        "eval.tsv:2: unknown label 'negg'. Did you mean 'neg'? Known labels: neg, pos",
        "--labels=neg,pos",
        splits=("train", "eval"),
    )
    assert "--on_bad_row=skip" in last


@pytest.mark.parametrize("label", ["nan", "inf", "1e39", "high", "-inf"])
def test_labels_that_are_no_numbers(place, label):
    place.write("train.tsv", f"text\tlabel\na\t1.5\nb\t{label}\n")
    place.fails(f"train.tsv:3: label '{label}' is not a", "--fine_tuning_task_type=regression")


def test_quotes(place):
    place.write("train.tsv", 'text\tlabel\n" the movie\tpos\nbad\tneg\n')
    assert place.run()[0] == 0
    for name in ("meta.json", "meta.vocab.txt", "train.tf_record"):
        os.remove(place.out / name)
    place.fails('train.tsv:2: the quote " opens and never closes', '--quotechar="')


@pytest.mark.parametrize("content", ["\ufeff" + GOOD_ROWS, GOOD_ROWS.replace("\n", "\r\n"), GOOD_ROWS[:-1], GOOD_ROWS + "\n\n"])
def test_byte_order_marks_line_ends_and_final_newlines_just_work(place, content):
    place.write("train.tsv", content)
    assert place.run()[0] == 0
    assert place.meta_data().label_list == ("neg", "pos")


def test_stray_spaces_duplicates_and_overlap_are_warned_of(place):
    place.write("train.tsv", "text\tlabel\nthe movie\tpos \nthe movie\tneg\nbad\tneg\n")
    place.write("eval.tsv", "text\tlabel\nbad\tneg\n")
    code, _, errors = place.run(splits=("train", "eval"))
    assert code == 0
    assert "WARNING: train: 1 labels had spaces around them; the spaces were removed" in errors
    assert "WARNING: train: 1 row repeats the text of another row" in errors
    assert "WARNING: train: 1 texts occur with different labels" in errors
    assert "WARNING: eval: 1 of 1 rows have a text that is also in train" in errors


def test_cased_text_settings_on_an_uncased_vocabulary_are_warned_of(place):
    place.write("train.tsv", "text\tlabel\nThe Movie\tpos\nBad\tneg\n")
    code, _, errors = place.run("--nodo_lower_case")
    assert code == 0
    assert "is an uncased vocabulary" in errors
    assert "of the tokens are [UNK]" in errors


ACCENTS = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nm\n##ö\n##o\n##chte\nM\n"


def first_ids(place) -> list[list[int]]:
    records = tf.data.TFRecordDataset(f"{place.out}/train.tf_record")
    return [tf.train.Example.FromString(r).features.feature["input_ids"].int64_list.value[:] for r in records.as_numpy_iterator()]


@pytest.mark.parametrize(
    ("flags", "config", "expected", "normalization"),
    [
        ([], None, [4, 6, 7], Normalization()),
        (["--nostrip_accents"], None, [4, 5, 7], Normalization(True, False)),
        (["--nodo_lower_case", "--strip_accents"], None, [8, 6, 7], Normalization(False, True)),
        ([], {"do_lower_case": True, "strip_accents": False}, [4, 5, 7], Normalization(True, False)),
        (["--strip_accents"], {"do_lower_case": True, "strip_accents": False}, [4, 6, 7], Normalization()),
        ([], {"never_split": ["Möchte"]}, [1], Normalization(never_split=("Möchte",))),
    ],
)
def test_accents_are_kept_by_flag_and_by_the_tokenizers_files(place, flags, config, expected, normalization):
    place.vocab_file = place.write("model/vocab.txt", ACCENTS)
    if config is not None:
        place.write("model/tokenizer_config.json", json.dumps(config))
    place.write("train.tsv", "text\tlabel\nMöchte\ta\nMöchte\tb\n")
    code, _, errors = place.run(*flags)
    assert code == 0
    assert first_ids(place) == [[2, *expected, 3]] * 2
    assert ("strip_accents False there, True here" in errors) == bool(flags and config)
    assert place.meta_data().normalization == normalization


def test_a_token_twice_is_a_warning(place):
    place.vocab_file = place.write("other.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nb\na\n")
    place.write("train.tsv", "text\tlabel\na b\t1\na\t2\n")
    code, _, errors = place.run()
    assert code == 0
    assert f"{place.vocab_file}:7 repeats line 5: 'a'" in errors
    assert first_ids(place) == [[2, 6, 5, 3], [2, 6, 3]]


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        ("[PAD]\n[CLS]\n[SEP]\na\n", "[UNK]"),
        ("[PAD]\n[UNK]\n[SEP]\na\n", "[CLS]"),
    ],
)
def test_bad_vocabularies(place, vocabulary, message):
    place.write("train.tsv", GOOD_ROWS)
    place.vocab_file = place.write("other.txt", vocabulary)
    place.fails(message)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--max_seq_length=2",), "--max_seq_length must be at least 3; got 2"),
        (("--max_seq_length=-5",), "--max_seq_length must be at least 3"),
        (("--fine_tuning_task_type=retrieval",), "--fine_tuning_task_type must be one of classification, "),
        (("--doc_stride=64",), "--doc_stride belongs to --fine_tuning_task_type=squad"),
        (("--tfds_params=dataset=x",), "--tfds_params=dataset=x is refused"),
        (("--classification_task_name=MRPC",), "--train_file and --classification_task_name exclude each other"),
        (("--tokenization=SentencePiece",), "--sp_model_file is required"),
        (("--text_column=nope",), "no column 'nope' (--text_column)"),
        (("--no_such_flag",), "no_such_flag"),
        (("--vocab_file=none.txt",), "none.txt"),
        (("--quotechar=ab",), "--quotechar must be one character"),
        (("--delimiter=ab",), "--delimiter must be one character, or tab, comma, semicolon, pipe; got 'ab'"),
        (("--on_bad_row=ignore",), "--on_bad_row must be one of fail, skip"),
        (("--meta_data_file_path=",), "--meta_data_file_path is required"),
        (("--labels=pos, neg,pos ",), "--labels names 'pos' twice"),
        (("--text_column=text", "--label_column=text"), "--text_column=text and --label_column=text are the same column"),
        (("--text_column=text", "--text_b_column=text"), "--text_column=text and --text_b_column=text are the same column"),
        (("--labels=pos,neg,",), "--labels must be names with one comma between two; got 'pos,neg,'"),
        (("--labels=1,2", "--fine_tuning_task_type=regression"), "--labels belongs to --fine_tuning_task_type=classification"),
        (
            ("--input_data_dir=/nowhere",),
            "--input_data_dir belongs to --classification_task_name; it can do nothing beside --train",
        ),
        (("--mnli_type=mismatched",), "--mnli_type belongs to --classification_task_name"),
        (("--labels=,",), "--labels must be names"),
    ],
)
def test_wrong_flags(place, flags, message):
    place.write("train.tsv", GOOD_ROWS)
    place.fails(message, *flags)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "--classification_task_name (or --train_file, --eval_file, --test_file) is required"),
        (("--classification_task_name=MRCP",), "unknown task 'MRCP'. Did you mean 'MRPC'?"),
        (("--classification_task_name=MRPC",), "--input_data_dir is required"),
        (("--classification_task_name=MRPC", "--input_data_dir=nowhere"), "no such directory"),
        (("--classification_task_name=CB",), "not in this version"),
        (
            ("--classification_task_name=MRPC", "--input_data_dir=d", "--text_column=text"),
            "--text_column belongs to --train_file",
        ),
        (
            ("--classification_task_name=MRPC", "--input_data_dir=d", "--fine_tuning_task_type=regression"),
            "MRPC has classes, not numbers",
        ),
        (("--classification_task_name=XNLI", "--input_data_dir=d", "--xnli_language=xx"), "no language 'xx'"),
        (("--module_import=none.py", "--classification_task_name=x"), "--module_import: no such file"),
    ],
)
def test_wrong_flags_for_tasks(place, flags, message):
    place.fails(message, *flags, files=False)


def test_files_that_do_not_fit_their_flags(place):
    place.fails("--train_file: no such file")
    place.write("train.tsv", GOOD_ROWS)
    place.fails(
        "--eval_data_output_path is required: where the records of --eval_file go", f"--eval_file={place.directory}/train.tsv"
    )
    blocked = place.write("blocked", "a file where a directory should be")
    code, _, errors = place.run(f"--train_data_output_path={blocked}/train.tf_record")
    assert code == 2
    assert "cannot create the directory" in errors


def test_paths_with_spaces_are_quoted_in_the_next_command(place):
    place.write("train.tsv", GOOD_ROWS)
    place.out = place.directory / "my records"
    printed = place.run()[1]
    assert f"--train_data_path='{place.out}/train.tf_record'" in printed
    assert f"--input_meta_data_path='{place.out}/meta.json'" in printed


def test_help_and_usage_errors_come_without_tensorflow(tmp_path):
    environment = os.environ | {"PYTHONPATH": "", "PYTHONPROFILEIMPORTTIME": ""}
    for flags, code, stream in ((["--help"], 0, "stdout"), (["--max_seq_lenth=1"], 2, "stderr"), ([], 2, "stderr")):
        seconds = []
        for _ in range(3):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            result = subprocess.run(
                [sys.executable, str(COMMAND), *flags], capture_output=True, text=True, cwd=tmp_path, env=environment
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert result.returncode == code, result.stderr
        assert "max_seq_length" in getattr(result, stream) or not flags
        assert min(seconds) < 0.7
    imported = "import sys; import bert_tf2.jobs.preparation.finetuning_data; print('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", imported], capture_output=True, text=True, cwd=ROOT).stdout == "False\n"


REAL = {"MRPC": (3668, 408, 1725), "CoLA": (8551, 1043, 1063), "STS-B": (5749, 1500, 1379)}


@pytest.mark.real_data
@pytest.mark.parametrize("task", REAL)
def test_real_tasks(place, real_data, task):
    place.vocab_file = str(real_data / "vocab" / "uncased.txt")
    flags = (f"--classification_task_name={task}", f"--input_data_dir={real_data / 'glue' / task}")
    assert place.run(*flags, splits=("train", "eval", "test"), files=False)[0] == 0
    meta_data = place.meta_data()
    assert tuple(meta_data.sizes.values()) == REAL[task]
    assert meta_data.extra["test_has_labels"] is False
    assert meta_data.vocab_size == 30522
    assert meta_data.is_regression == (task == "STS-B")
