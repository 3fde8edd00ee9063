"""create_finetuning_data.py --fine_tuning_task_type=squad, from its flags to its files."""

import json
import os
import pathlib
import shlex

import pytest

from bert_tf2 import cli
from bert_tf2.data.records.metadata import read_meta_data
from bert_tf2.errors import UserError
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions


def content(*ids: str, impossible: bool = False) -> dict:
    """A SQuAD file with a question for each id."""
    answers = [] if impossible else [{"text": "movie", "answer_start": 4}]
    more = {"is_impossible": True} if impossible else {}
    questions = [{"id": id, "question": "what was good ?", "answers": answers} | more for id in ids]
    return {"data": [{"paragraphs": [{"context": "the movie was very good .", "qas": questions}]}]}


class Place:
    """A directory with a vocabulary and a file of two questions, and the command run there."""

    def __init__(self, directory: pathlib.Path, vocab_file: str, capsys):
        self.directory, self.vocab_file, self._capsys = directory, vocab_file, capsys
        self.out = directory / "out"
        self.write("train.json", content("a", "b"))

    def write(self, name: str, value: dict | str) -> None:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")

    def run(self, *flags: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error; later flags win."""
        arguments = [
            "create_finetuning_data.py",
            "--fine_tuning_task_type=squad",
            f"--squad_data_file={self.directory}/train.json",
            f"--vocab_file={self.vocab_file}",
            f"--train_data_output_path={self.out}/train.tf_record",
            f"--meta_data_file_path={self.out}/meta.json",
        ]
        code = cli.run(create_finetuning_data, FinetuningDataOptions, "", [*arguments, *flags])
        printed = self._capsys.readouterr()
        return code, printed.out, printed.err

    def fails(self, message: str, *flags: str) -> None:
        """Asserts one line with the message, exit code 2 and no output."""
        code, _, errors = self.run(*flags)
        assert code == 2
        last = errors.strip().splitlines()[-1]
        assert last.startswith("ERROR: ")
        assert message in last, last
        assert not self.out.exists() or os.listdir(self.out) == []

    def meta_data(self):
        return read_meta_data(str(self.out / "meta.json"))


@pytest.fixture
def place(tmp_path, tiny_vocab_file, capsys):
    return Place(tmp_path, tiny_vocab_file, capsys)


def test_end_to_end(place):
    code, printed, errors = place.run()
    assert (code, errors) == (0, "")
    assert "train: 2 questions on 1 paragraphs\n  2 windows, 16.0 tokens on average, 0.0% do not show the answer" in printed
    assert "python run_squad.py --mode=train_and_eval" in printed
    assert f"--train_data_path={place.out}/train.tf_record" in printed
    meta_data = place.meta_data()
    assert (meta_data.max_seq_length, meta_data.do_lower_case, meta_data.padded) == (384, True, False)
    assert meta_data.extra["doc_stride"] == 128
    assert sorted(os.listdir(place.out)) == ["meta.json", "meta.vocab.txt", "train.tf_record"]


def test_what_to_run_next_can_be_pasted(place):
    code, printed, _ = place.run(f"--train_data_output_path={place.out}/my train.tf_record")
    assert code == 0
    arguments = shlex.split(printed.split("Next:")[1])
    assert f"--train_data_path={place.out}/my train.tf_record" in arguments
    assert f"--input_meta_data_path={place.out}/meta.json" in arguments


def test_the_flags_reach_the_records(place):
    flags = ("--max_seq_length=32", "--doc_stride=9", "--max_query_length=3", "--pad_to_max_length", "--gzip_compress")
    code, _, errors = place.run(*flags)
    assert code == 0
    assert "2 questions were cut to --max_query_length=3 tokens" in errors
    meta_data = place.meta_data()
    assert (meta_data.max_seq_length, meta_data.padded) == (32, True)
    assert meta_data.extra["max_query_length"] == 3
    assert (place.out / "train.tf_record").read_bytes()[:2] == b"\x1f\x8b"


def test_several_files_and_translations(place):
    place.write("more/x.json", content("c"))
    place.write("more/y.json", content("d"))
    place.write("translated/de.json", content("a", "b"))
    place.write("translated/notes.txt", "no JSON")
    flags = (
        f"--squad_data_file={place.directory}/train.json,{place.directory}/more/*.json",
        f"--translated_squad_data_folder={place.directory}/translated",
    )
    assert place.run(*flags)[0] == 0
    assert place.meta_data().train_data_size == 6


def test_version_2(place):
    place.write("train.json", content("a", impossible=True))
    place.fails("data[0].paragraphs[0] (id a): the question is marked impossible to answer")
    code, printed, _ = place.run("--version_2_with_negative")
    assert code == 0
    assert "1 questions on 1 paragraphs, 1 without an answer" in printed
    assert "run_squad.py --mode=train_and_eval \\\n    --version_2_with_negative" in printed
    assert place.meta_data().extra["version_2_with_negative"] is True


def test_the_flag_without_need_is_told(place):
    code, _, errors = place.run("--version_2_with_negative")
    assert code == 0
    assert "no question is marked impossible" in errors


def test_bad_rows(place):
    value = content("a", "b")
    value["data"][0]["paragraphs"][0]["qas"][0]["answers"] = []
    place.write("train.json", value)
    place.fails("data[0].paragraphs[0].qas[0] (id a): has no answer")
    code, _, errors = place.run("--on_bad_row=skip")
    assert code == 0
    assert "1 row was left out; the first: " in errors
    reject = json.loads((place.out / "train.tf_record.rejects.jsonl").read_text(encoding="utf-8"))
    assert reject["row"]["id"] == "a"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--eval_data_output_path=x",), "pass the file to run_squad.py as --predict_file"),
        (("--test_data_output_path=x",), "--test_data_output_path is refused for squad"),
        (("--squad_data_file=",), "--squad_data_file is required"),
        (("--squad_data_file=none.json",), "--squad_data_file: no such file: none.json"),
        (("--squad_data_file=none*.json",), "--squad_data_file: no file matches none*.json"),
        (("--train_data_output_path=",), "--train_data_output_path is required"),
        (("--meta_data_file_path=",), "--meta_data_file_path is required"),
        (("--vocab_file=",), "--vocab_file is required"),
        (("--train_file=x.tsv",), "--train_file is for labels; SQuAD data come from --squad_data_file"),
        (
            ("--classification_task_name=MRPC",),
            "--classification_task_name belongs to --fine_tuning_task_type=classification or multi_label or "
            "prompt_classification or regression",
        ),
        (
            ("--labels=a,b",),
            "--labels belongs to --fine_tuning_task_type=classification or multi_label or prompt_classification or "
            "similarity or tagging; it can do",
        ),
        (("--tokenization=SentencePiece",), "--sp_model_file is required"),
        (("--tokenization=SentencePiece", "--sp_model_file=x"), "--sp_model_file: no such file: x"),
        (("--xlnet_format",), "--xlnet_format=True is refused"),
        (("--doc_stride=0",), "--doc_stride must be at least 1; got 0"),
        (("--max_seq_length=64", "--max_query_length=61"), "--max_query_length must be at most --max_seq_length - 4 = 60"),
        (("--translated_squad_data_folder=none",), "--translated_squad_data_folder: no such folder: none"),
    ],
)
def test_wrong_flags(place, flags, message):
    place.fails(message, *flags)


def test_flags_of_squad_are_refused_elsewhere(place):
    flags = ("--fine_tuning_task_type=classification", f"--train_file={place.directory}/train.tsv")
    place.fails("--squad_data_file belongs to --fine_tuning_task_type=squad", *flags)
    options = FinetuningDataOptions(train_file="x.tsv", doc_stride=64)
    with pytest.raises(UserError, match="--doc_stride belongs to --fine_tuning_task_type=squad"):
        create_finetuning_data(options)


def test_no_input_is_overwritten(place):
    flag = f"--train_data_output_path={place.directory}/train.json"
    place.fails("train.json would overwrite --squad_data_file", flag)
    place.fails("two outputs have the same path", f"--meta_data_file_path={place.out}/train.tf_record")


def test_files_that_are_no_squad(place):
    place.write("train.json", '{"data": [\n{"paragraphs": nope}]}')
    place.fails("train.json:2:16: not valid JSON: expecting value")
    place.write("train.json", {"data": {}})
    place.fails("'data' must be a list of articles; found an object")
