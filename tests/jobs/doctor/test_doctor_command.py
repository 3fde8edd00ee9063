"""A look from the command line: what it prints, its exit codes, that nothing is left of it, that it refuses as the job does."""

import pathlib

import pytest
from classifier_workplace import Workplace, write_rows

from bert_tf2.jobs.doctor import command
from bert_tf2.jobs.doctor.report import WIDTH


def snapshot(directory: pathlib.Path) -> dict[str, tuple[bytes, int]]:
    """Every file below a directory with its content and the time of its last change, and every folder."""
    return {
        str(path): (b"", 0) if path.is_dir() else (path.read_bytes(), path.stat().st_mtime_ns) for path in directory.rglob("*")
    }


def doctor(job: str, *flags: str) -> int:
    return command.run("", ["doctor.py", job, *flags])


def raw_flags(place: Workplace, data_dir: pathlib.Path, output_dir: pathlib.Path) -> list[str]:
    return [
        "--task_name=SST-2", "--do_train", "--do_eval", f"--data_dir={data_dir}", f"--output_dir={output_dir}",
        f"--vocab_file={place.vocab_file}", f"--bert_config_file={place.config_file}", "--max_seq_length=32", "--num_gpus=0",
        "--seed=1", "--train_batch_size=16",
    ]  # fmt: skip


@pytest.fixture
def raw(tmp_path, tiny_vocab_file, tiny_config_dict):
    """A place with raw files, in which dev's labels are exchanged."""
    place = Workplace(tmp_path, tiny_vocab_file, tiny_config_dict)
    data_dir = tmp_path / "raw"
    data_dir.mkdir()
    for split, rows, seed in (("train", 300, 1), ("dev", 120, 2)):
        write_rows(tmp_path / "rows.tsv", rows, seed)
        lines = (tmp_path / "rows.tsv").read_text().splitlines()[1:]
        right, wrong = ("positive", "negative") if split == "train" else ("negative", "positive")
        labels = {right: "1", wrong: "0"}
        texts = [line.split("\t") for line in lines]
        (data_dir / f"{split}.tsv").write_text("\n".join(["sentence\tlabel", *(f"{a}\t{labels[b]}" for a, b in texts)]) + "\n")
    (tmp_path / "rows.tsv").unlink()
    return place, data_dir


def test_a_look_at_raw_files(raw, tmp_path, capsys, monkeypatch):
    place, data_dir = raw
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    before = snapshot(tmp_path)
    assert doctor("run_classifier", *raw_flags(place, data_dir, tmp_path / "new"), "--price_per_hour=2") == 1
    assert snapshot(tmp_path) == before
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0].startswith("A look at run_classifier.py: nothing was trained or written")
    assert max(map(len, lines)) <= max(WIDTH, len(str(tmp_path)) + 30)
    text = " ".join(said.out.split())
    assert "Verdict: the results would be wrong" in text
    # All that is wrong with this command, each with its cure.
    for part in (
        "no --init_checkpoint: all weights start at random values",
        "eval: its labels are exchanged, by words alone only",
        "'0' there is '1' in train",
        "repeat another",
        "rows of eval",
        "estimated from steps (",
        "at 2 an hour about 0.0",
        "Change first: --init_checkpoint",
    ):
        assert part in text
    assert str(scratch) not in said.out + said.err
    assert "WARNING" not in said.err


@pytest.mark.slow
def test_a_look_at_records_and_at_a_training_that_goes_on(workplace, capsys):
    assert workplace.run("--mode=train", "--num_train_epochs=1") == 0
    before = snapshot(workplace.directory)
    looks = ((1, 1, "and it is finished (step 10)"), (2, 1, "it goes on from there"), (0.5, 2, "belongs to another run"))
    for epochs, code, told in looks:
        capsys.readouterr()
        assert workplace.run("--dry_run", "--mode=train_and_eval", f"--num_train_epochs={epochs}") == code
        said = capsys.readouterr()
        assert told in " ".join((said.out + said.err).split())
        assert str(workplace.model_dir) in said.out + said.err
        assert "bert_tf2_look_" not in said.out + said.err
    assert snapshot(workplace.directory) == before


@pytest.mark.slow
def test_a_look_at_question_answering(tmp_path, tiny_vocab_file, tiny_config_dict, capsys):
    from squad_workplace import TRAINING, SquadWorkplace

    place = SquadWorkplace(tmp_path, tiny_vocab_file, tiny_config_dict)
    before = snapshot(tmp_path)
    flags = [f"--train_file={tmp_path}/train.json", f"--predict_file={tmp_path}/dev.json", f"--output_dir={tmp_path}/new"]
    flags += ["--do_train", "--do_predict", place.vocabulary, f"--bert_config_file={place.config_file}", *TRAINING]
    assert doctor("run_squad.py", *flags, "--max_seq_length=32", "--doc_stride=8", "--max_query_length=8") == 1
    assert snapshot(tmp_path) == before
    text = " ".join(capsys.readouterr().out.split())
    assert "--init_checkpoint" in text
    assert "pieces a word" in text
    assert "no row of eval is in train" in text


@pytest.mark.slow
def test_a_look_at_pretraining(tmp_path, tiny_vocab_file, tiny_config_dict, capsys):
    from pretraining_workplace import PretrainingWorkplace

    place = PretrainingWorkplace(tmp_path, tiny_vocab_file, tiny_config_dict)
    place.write("records", 2, 60)
    place.write("held_out", 1, 20, seed=5)
    before = snapshot(tmp_path)
    held_out = f"--eval_input_files={tmp_path}/held_out/part-*"
    assert doctor("run_pretraining", *place.arguments("--learning_rate=1e-4", held_out)) == 0
    assert snapshot(tmp_path) == before
    text = " ".join(capsys.readouterr().out.split())
    assert "training starts from random weights" in text
    assert "Verdict: ready" in text
    assert "Copies" not in text


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["--lerning_rate=1"],
        ["--task_name=MRPC"],
        ["--mode=train", "--task_name=MRPC"],
        ["--tpu=a", "--tpu_name=b", "--mode=train"],
        ["--mode=train", "--init_checkpoint=nowhere"],
        ["--mode=train", "--bert_config_file=nowhere"],
        ["--mode=train", "--train_data_path=nowhere"],
        ["--mode=train", "--freeze_layers=9", "--init_checkpoint=nowhere"],
        ["--mode=train", "--train_batch_size=10", "--gradient_accumulation_steps=4"],
        ["--num_seeds=3", "--mode=train"],
        ["--mode=train", "--model_dir={directory}/train.tsv"],
    ],
)
def test_what_the_job_refuses_is_refused_in_the_same_words(workplace, capsys, flags):
    """The last line is the job's; nothing of either is left."""
    flags = [flag.format(directory=workplace.directory) for flag in flags]
    whole = workplace.arguments(*flags) if "--mode=train" in flags and "--task_name=MRPC" not in flags else flags
    said = []
    for more in ([], ["--dry_run"]):
        before = snapshot(workplace.directory)
        assert command.cli.run(*_classifier(), "", ["run_classifier.py", *whole, *more]) == 2
        if more:
            assert snapshot(workplace.directory) == before
        said.append(capsys.readouterr().err.splitlines()[-1])
    assert said[0].startswith("ERROR: ")
    assert said[0] == said[1]


def _classifier():
    return command.JOBS["run_classifier"]


def test_what_is_no_training_or_no_job(workplace, capsys):
    assert workplace.run("--dry_run", "--mode=train", "--distribution_strategy=multi_worker_mirrored") == 2
    assert "a look is one at one machine" in capsys.readouterr().err
    assert workplace.run("--price_per_hour=3", "--mode=train") == 2
    assert "--price_per_hour=3 can do nothing without --dry_run" in capsys.readouterr().err
    assert doctor("run_clasifier") == 2
    assert "Did you mean 'run_classifier'?" in capsys.readouterr().err
    assert command.run("what it is", ["doctor.py"]) == 0
    assert capsys.readouterr().out.startswith("what it is")
    assert doctor("run_squad", "--help") == 0
    assert "usage: doctor.py run_squad" in capsys.readouterr().out
