"""Rows without label that cannot be used: one line that says what differs and what to do, and exit code 2."""

import json
import pathlib

import pytest
from classifier_workplace import Workplace, write_rows
from squad_workplace import SquadWorkplace

from bert_tf2 import cli
from bert_tf2.jobs.fine_tuning.squad import run_squad
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
CURE = "make them as the training's, with create_finetuning_data.py --test_file"


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_vocabulary) -> Workplace:
    """A teacher in `model`."""
    directory = tmp_path_factory.mktemp("refused")
    for seed, (split, rows) in enumerate((("train", 30), ("eval", 8), ("test", 8))):
        write_rows(directory / f"{split}.tsv", rows, seed)
    (directory / "vocab.txt").write_text("\n".join(tiny_vocabulary) + "\n", encoding="utf-8")
    config = SIZES | {"vocab_size": len(tiny_vocabulary), "max_position_embeddings": 64}
    place = Workplace(directory, str(directory / "vocab.txt"), config)
    assert place.prepare() == 0
    assert place.run("--mode=train", "--num_train_epochs=1") == 0
    return place


def refused(place: Workplace, capsys, *flags: str) -> str:
    """The one line of a refused command, which leaves no checkpoint."""
    student = place.directory / "student"
    arguments = place.arguments("--mode=train", f"--model_dir={student}")
    capsys.readouterr()
    code = place.run_alone(*(one for one in arguments if "--test_data_path" not in one), *flags)
    told = capsys.readouterr().err
    assert code == 2, told
    assert "Traceback" not in told
    assert not list(student.glob("ckpt-*"))
    told = told.strip().splitlines()[-1]
    assert told.startswith("ERROR: "), told
    return told


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--unlabelled_data_path={data}/test.tf_record"], "--unlabelled_data_path is learned from a teacher alone; name one"),
        (["--teacher={teacher}", "--unlabelled_data_path={data}/none.tf_record"], "none.tf_record"),
        (["--teacher={teacher}", "--unlabelled_data_path={data}/none-*"], "--unlabelled_data_path: no file matches"),
        (["--teacher={teacher}", "--unlabelled_data_path={data}/train.tf_record"], "is trained on with its labels already"),
        (["--mode=eval", "--unlabelled_data_path={data}/test.tf_record"], "--unlabelled_data_path"),
        (
            ["--teacher={teacher}", "--unlabelled_data_path={data}/test.tf_record", "--steps_rounding=google"],
            "--steps_rounding=google counts rows with labels",
        ),
    ],
)
def test_flags_that_contradict(place, capsys, flags, message):
    names = {"data": place.directory, "teacher": place.model_dir}
    assert message in refused(place, capsys, *(flag.format(**names) for flag in flags))


def made_otherwise(place: Workplace, directory: pathlib.Path, *flags: str) -> str:
    """Records of the test rows, which lie in a directory of their own."""
    arguments = [f"--test_file={place.directory / 'test.tsv'}", f"--test_data_output_path={directory / 'more.tf_record'}"]
    arguments += [f"--meta_data_file_path={directory / 'meta_data.json'}", f"--vocab_file={place.vocab_file}"]
    arguments += ["--max_seq_length=32", "--labels=negative,positive", *flags]
    assert cli.run(create_finetuning_data, FinetuningDataOptions, "", ["prepare", *arguments]) == 0
    return f"--unlabelled_data_path={directory / 'more.tf_record'}"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--max_seq_length=16"], "(max_seq_length: 16 there, 32 here)"),
        (["--nodo_lower_case"], "(do_lower_case: false there, true here)"),
        (["--labels=positive,negative"], '(labels: ["positive", "negative"] there, ["negative", "positive"] here)'),
        (["--long_text=head_tail"], 'long_text: "--long_text=head_tail --head_share=0.25" there, "--long_text=truncate" here'),
        (["--vocab_file={other}"], "(vocabulary: "),
        (["--text_b_column=label"], "(pairs: true there, false here)"),
    ],
    ids=["length", "casing", "labels", "long_text", "vocabulary", "pairs"],
)
def test_records_that_were_made_otherwise(place, tmp_path, capsys, tiny_vocabulary, flags, message):
    (tmp_path / "other.txt").write_text("\n".join([*tiny_vocabulary[:-1], "else"]) + "\n")
    path = made_otherwise(place, tmp_path, *(flag.format(other=tmp_path / "other.txt") for flag in flags))
    told = refused(place, capsys, f"--teacher={place.model_dir}", path)
    assert "was made otherwise than what is trained on" in told
    assert message in told, told
    assert CURE in told


def test_records_of_which_nothing_is_known(place, tmp_path, capsys):
    path = made_otherwise(place, tmp_path)
    (tmp_path / "meta_data.json").unlink()
    told = refused(place, capsys, f"--teacher={place.model_dir}", path)
    assert f"no meta_data.json beside it tells how {tmp_path / 'more.tf_record'} was made; {CURE}" in told


def test_a_row_with_weight_beside_rows_without(place, tmp_path, capsys):
    """Of rows without label, which need none, each weighs 1."""
    rows = (place.directory / "train.tsv").read_text().splitlines()
    (tmp_path / "train.tsv").write_text("\n".join([f"{rows[0]}\tweight", *(f"{row}\t2.5" for row in rows[1:])]) + "\n")
    for split in ("eval", "test"):
        (tmp_path / f"{split}.tsv").write_bytes((place.directory / f"{split}.tsv").read_bytes())
    weighted = Workplace(tmp_path, place.vocab_file, json.loads(place.config_file.read_text()))
    assert weighted.prepare("--weight_column=weight") == 0
    (tmp_path / "more").mkdir()
    path = made_otherwise(place, tmp_path / "more")
    arguments = weighted.arguments("--mode=train", "--num_train_epochs=1", f"--teacher={place.model_dir}", path)
    assert weighted.run_alone(*(one for one in arguments if "--test_data_path" not in one)) == 0
    assert "38 examples, 8 of them without label" in capsys.readouterr().err


def test_questions_of_squad_take_none(tmp_path, tiny_vocab_file, capsys):
    place = SquadWorkplace(tmp_path, tiny_vocab_file, SIZES | {"vocab_size": 86})
    arguments = [*place.arguments("--mode=train"), "--unlabelled_data_path=x"]
    assert cli.run(run_squad, SquadOptions, "", ["run_squad.py", *arguments]) == 2
    assert "--unlabelled_data_path" in (told := capsys.readouterr().err.strip().splitlines()[-1])
    assert "no records are made of questions without" in told
