"""A kind from outside makes records of own files by the command, with no more than what is in a record."""

import json

import pytest
import tensorflow as tf

from bert_tf2 import cli
from bert_tf2.data.records.metadata import read_meta_data
from bert_tf2.data.records.parsing import parse_records
from bert_tf2.data.sources.named_rows import named_rows
from bert_tf2.errors import UserError
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions
from bert_tf2.registry import import_module
from bert_tf2.tasks.kind import kinds

KIND = """
import dataclasses
from bert_tf2.data.records.feature_spec import TOKEN_FEATURES, FeatureSpec
from bert_tf2.options import Options, option
from bert_tf2.tasks.file_preparation import FilePreparation, Record
from bert_tf2.tasks.kind import Kind, kinds

@dataclasses.dataclass(frozen=True)
class Flags(Options):
    loudest: float = option(9.0, "The most that a tone can be.", section="Tones")

class Tones(FilePreparation):
    features = [*TOKEN_FEATURES, FeatureSpec("tone", "float32")]
    metrics = ("mean_error",)

    def record(self, example, split):
        if float(example["tone"]) > self.options.loudest:
            return f"tone {example['tone']} is too loud"
        values, cut = self.texts(example["text"])
        return Record(values | {"tone": float(example["tone"])}, cut, example["text"])

@kinds.register("tones")
class Tone(Kind):
    task_type = "bert_tones"
    data_options = Flags

    def preparation(self, options, tokenizer, trained):
        return Tones(options, tokenizer)
"""


@pytest.fixture
def run(tmp_path, tiny_vocab_file, capsys):
    """Runs the command on some files; the kind is known as long as the test runs."""
    module = tmp_path / "tones.py"
    module.write_text(KIND)

    def run(*flags, module_flag=f"--module_import={module}", **splits):
        arguments = ["create_finetuning_data.py", module_flag, "--fine_tuning_task_type=tones", f"--vocab_file={tiny_vocab_file}"]
        arguments += [f"--meta_data_file_path={tmp_path}/out/meta_data.json", *flags]
        for split, (name, content) in splits.items():
            (tmp_path / name).write_text(content)
            arguments += [f"--{split}_file={tmp_path / name}", f"--{split}_data_output_path={tmp_path}/out/{split}.tf_record"]
        code = cli.run(create_finetuning_data, FinetuningDataOptions, "", arguments)
        return code, *capsys.readouterr()

    yield run
    kinds._plugins.pop("tones", None)


def test_records_metadata_and_what_is_odd(run, tmp_path):
    train = ("train.tsv", "text\ttone\ngood movie\t3\nbad\t1.5\nbad\t2\n")
    code, printed, errors = run(
        train=train, eval=("eval.csv", "text,tone\nbad,2\n"), test=("new.jsonl", '{"text":"a","tone":0}\n')
    )
    assert code == 0, errors
    assert "train: 3 rows, 3.3 tokens on average, 95% up to 4, longest 4, 0.0% cut" in printed
    assert "run_classifier.py --mode=train_and_eval" in printed
    assert "WARNING: train: 1 row repeats the text of another row" in errors
    assert "WARNING: eval: 1 of 1 rows have a text that is also in train" in errors
    meta_data = read_meta_data(str(tmp_path / "out" / "meta_data.json"))
    assert (meta_data.task_type, meta_data.processor_type, meta_data.best_metric) == ("bert_tones", "train", "mean_error")
    assert meta_data.sizes == {"train": 3, "eval": 1, "test": 1}
    assert meta_data.extra == {"test_has_labels": False}
    records = list(tf.data.TFRecordDataset(str(tmp_path / "out" / "train.tf_record")).as_numpy_iterator())
    features = kinds.get("tones").preparation(FinetuningDataOptions(train_file=tmp_path / "train.tsv"), None, None).features
    batch = parse_records(tf.constant(records), features)
    assert batch["tone"].numpy().tolist() == [3, 1.5, 2]
    assert batch["input_word_ids"].numpy().tolist() == [[2, 8, 6, 3], [2, 9, 3, 0], [2, 9, 3, 0]]


def test_rows_that_cannot_be_used_are_told_or_left_out(run, tmp_path):
    code, _, errors = run(train=("train.tsv", "text\ttone\ngood\t10\nbad\t1\n"))
    assert code == 2
    assert f"{tmp_path}/train.tsv:2: tone 10 is too loud (--on_bad_row=skip leaves such rows out and lists them)" in errors
    assert not list((tmp_path / "out").glob("*"))
    train = ("train.tsv", "text\ttone\ngood\t10\nbad\nbad\t1\n")
    code, _, errors = run("--on_bad_row=skip", train=train)
    assert code == 0
    assert "WARNING: train: 2 rows were left out; the first: " in errors
    listed = [json.loads(line) for line in (tmp_path / "out" / "train.tf_record.rejects.jsonl").read_text().splitlines()]
    assert {(row["line"], row["reason"]) for row in listed} == {(2, "tone 10 is too loud"), (3, "1 columns, expected 2")}
    assert run("--loudest=10", "--on_bad_row=skip", train=train)[0] == 0
    assert read_meta_data(str(tmp_path / "out" / "meta_data.json")).train_data_size == 2


def test_what_is_needed_is_told_and_flags_of_others_are_refused(run, tmp_path):
    assert "--train_file (or --eval_file, --test_file), the files to make records of" in run()[2]
    train = ("train.tsv", "text\ttone\ngood\t1\n")
    assert "--doc_stride belongs to --fine_tuning_task_type=squad" in run("--doc_stride=3", train=train)[2]
    assert "--loudest belongs to --fine_tuning_task_type=tones" in run("--fine_tuning_task_type=squad", "--loudest=2")[2]
    assert "train.tsv: the file is empty" in run(train=("train.tsv", ""))[2]
    assert "train: 0 examples" in run(train=("train.tsv", "text\ttone\n"))[2]


def test_inputs_are_cut_and_counted(run, tmp_path):
    assert run("--max_seq_length=4", train=("train.jsonl", '{"text": "a b c d", "tone": 1}\n{"text": "a", "tone": 1}\n'))[0] == 0
    assert read_meta_data(str(tmp_path / "out" / "meta_data.json")).truncated_fraction == {"train": 0.5}


def test_a_module_by_name_is_told_where_it_is_not(run):
    code, _, errors = run(module_flag="--module_import=no_such_module")
    assert code == 2
    assert "--module_import: no module named 'no_such_module'" in errors


def test_rows_have_names(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n7\n')
    told = []
    assert list(named_rows(str(path), lambda *report: told.append(report))) == [(f"{path}:1", {"a": 1})]
    assert told[0][:2] == (f"{path}:2", "not a JSON object")
    path = tmp_path / "rows.csv"
    path.write_text("")
    with pytest.raises(UserError, match="the file is empty"):
        list(named_rows(str(path), print))


def test_importing_a_module_twice_registers_its_kind_once(run, tmp_path):
    first = import_module(str(tmp_path / "tones.py"))
    assert import_module(str(tmp_path / "tones.py")) is first
