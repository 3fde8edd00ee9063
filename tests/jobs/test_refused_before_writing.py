"""What a command can know before it makes records is checked before it writes: a refused one leaves every file as it was."""

import pytest
from pretraining_workplace import PretrainingWorkplace
from squad_workplace import SquadWorkplace


def contents(directory) -> dict[str, bytes]:
    """All files of a directory but those of logs and locks."""
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file() and path.name != ".trainer.lock"}


def refused(capsys, code: int, message: str) -> None:
    said = capsys.readouterr().err
    assert code == 2, said
    assert message in said.splitlines()[-1]


@pytest.mark.parametrize("flag", ["--do_train", "--do_predict"])
def test_a_classifiers_first_weights_are_opened_before_anything_is_written(workplace, capsys, flag):
    data_dir, output_dir = workplace.write_raw(), workplace.directory / "new"
    for name, message in (("nowhere", "nowhere"), ("train.tsv", "is no checkpoint this program knows")):
        code = workplace.run_tf1(data_dir, output_dir, flag, f"--init_checkpoint={workplace.directory / name}")
        refused(capsys, code, message)
        assert not output_dir.exists()


def test_first_weights_of_other_sizes_are_refused_before_anything_is_written(workplace, tmp_path, capsys):
    assert workplace.run("--mode=train", "--num_train_epochs=1") == 0
    workplace.config_file.write_text(workplace.config_file.read_text().replace('"hidden_size": 16', '"hidden_size": 32'))
    code = workplace.run("--mode=train", f"--init_checkpoint={workplace.model_dir}", f"--model_dir={tmp_path / 'new'}")
    refused(capsys, code, "hidden_size 16 in the checkpoint, 32 in the configuration")
    assert not (tmp_path / "new").exists()


def test_other_jobs_open_the_first_weights_before_anything_is_written(tmp_path, tiny_vocab_file, tiny_config_dict, capsys):
    place = SquadWorkplace(tmp_path, tiny_vocab_file, tiny_config_dict)
    new = tmp_path / "new"
    arguments = ["--do_train", f"--train_file={tmp_path / 'train.json'}", f"--output_dir={new}", "--num_gpus=0"]
    arguments += [f"--vocab_file={tiny_vocab_file}", f"--bert_config_file={place.config_file}", "--max_query_length=8"]
    arguments += ["--max_seq_length=48", f"--init_checkpoint={tmp_path / 'nowhere'}"]
    refused(capsys, place.run_as_given(*arguments), "nowhere")
    pretraining = PretrainingWorkplace(tmp_path, tiny_vocab_file, tiny_config_dict)
    pretraining.write("records", 1, 40)
    code = pretraining.run("--num_train_steps=3", f"--init_checkpoint={tmp_path / 'nowhere'}", f"--model_dir={new}")
    refused(capsys, code, "nowhere")
    assert not new.exists()


def write_task(directory, name: str, first: str, second: str, labels: tuple[str, str], label: str = "label"):
    """Writes training and development rows of one of GLUE's tasks on pairs or single sentences."""
    data_dir = directory / name
    data_dir.mkdir()
    columns = [column for column in (first, second) if column]
    for split, rows in (("train", 12), ("dev", 6), ("test", 4)):
        lines = ["\t".join(["index", *columns, label])]
        lines += ["\t".join([str(row), *["the movie was good"] * len(columns), labels[row % 2]]) for row in range(rows)]
        (data_dir / f"{split}.tsv").write_text("\n".join(lines) + "\n")
    return data_dir


@pytest.fixture
def trained(workplace):
    """A run of SST-2 in `run`, trained and evaluated in Google's dialect; its rows are in `raw`."""
    assert workplace.run_tf1(workplace.write_raw(), workplace.directory / "run", "--do_train", "--do_eval") == 0
    return workplace


@pytest.mark.parametrize("phase", ["--do_eval", "--do_predict", "--do_train"])
def test_a_model_of_other_labels_stays_as_it_is(trained, capsys, phase):
    run = trained.directory / "run"
    rows = write_task(trained.directory, "RTE", "sentence1", "sentence2", ("entailment", "not_entailment"))
    before = contents(run)
    code = trained.run_tf1(rows, run, "--task_name=RTE", phase)
    refused(capsys, code, 'labels: ["0", "1"] there, ["entailment", "not_entailment"] now')
    assert contents(run) == before


@pytest.mark.parametrize("phase", ["--do_eval", "--do_train"])
def test_a_model_of_another_length_or_vocabulary_stays_as_it_is(trained, tmp_path, capsys, phase):
    before = contents(tmp_path / "run")
    code = trained.run_tf1(tmp_path / "raw", tmp_path / "run", phase, "--max_seq_length=6")
    message = "belongs to another run" if phase == "--do_train" else "--max_seq_length=6, but the model in"
    refused(capsys, code, message)
    code = trained.run_tf1(tmp_path / "raw", tmp_path / "run", phase, "--do_lower_case=false")
    refused(capsys, code, "do_lower_case: true there, false now")
    assert contents(tmp_path / "run") == before


def test_records_of_a_finished_training_are_not_replaced_by_those_of_other_data(trained, tmp_path, capsys):
    before = contents(tmp_path / "run")
    path = tmp_path / "raw" / "train.tsv"
    rows = path.read_text()
    path.write_text(rows + "the movie was very bad\t0\n")
    refused(capsys, trained.run_tf1(tmp_path / "raw", tmp_path / "run", "--do_train"), "belongs to another run (train: ")
    assert contents(tmp_path / "run") == before
    path.write_text(rows)
    # Records that were lost are made again.
    (tmp_path / "run" / "train.tf_record").unlink()
    assert trained.run_tf1(tmp_path / "raw", tmp_path / "run", "--do_train") == 0
    assert "already finished" in capsys.readouterr().err


def test_more_tokens_than_the_model_has_positions_are_refused_before_records_are_made(workplace, capsys):
    new = workplace.directory / "new"
    code = workplace.run_tf1(workplace.write_raw(), new, "--do_train", "--max_seq_length=512")
    refused(capsys, code, "max_position_embeddings")
    assert not contents(new)


def test_a_length_is_compared_with_the_trainings(trained, tmp_path, capsys):
    raw, named = tmp_path / "raw", f"--init_checkpoint={tmp_path / 'run'}"
    assert trained.run_tf1(raw, tmp_path / "new", "--do_eval", named, "--max_seq_length=16") == 0
    warning = f"--max_seq_length=16, but the model was trained with 32 ({tmp_path / 'run'}/meta_data.json)"
    assert warning in capsys.readouterr().err
    # The metadata that are in the new directory now are no training's.
    assert trained.run_tf1(raw, tmp_path / "new", "--do_eval", named, "--max_seq_length=32") == 0
    assert "but the model was trained with" not in capsys.readouterr().err


def test_a_finished_training_on_questions_stays_as_it_is(tmp_path, tiny_vocab_file, tiny_config_dict, capsys):
    place = SquadWorkplace(tmp_path, tiny_vocab_file, tiny_config_dict)
    arguments = ["--do_train", f"--train_file={tmp_path / 'train.json'}", f"--output_dir={place.model_dir}", "--num_gpus=0"]
    arguments += [f"--vocab_file={tiny_vocab_file}", f"--bert_config_file={place.config_file}", "--max_query_length=8"]
    arguments += ["--max_seq_length=48", "--seed=1", "--num_train_epochs=1"]
    assert place.run_as_given(*arguments) == 0
    before = contents(place.model_dir)
    for flag, message in (("--max_seq_length=32", "train: "), ("--do_lower_case=false", "do_lower_case: true there, false now")):
        refused(capsys, place.run_as_given(*arguments, flag), message)
        assert contents(place.model_dir) == before


def test_a_model_of_another_task_with_the_same_labels_stays_as_it_is(trained, capsys):
    run, new = trained.directory / "run", trained.directory / "new"
    rows = write_task(trained.directory, "QQP", "question1", "question2", ("0", "1"), "is_duplicate")
    before = contents(run)
    code = trained.run_tf1(rows, run, "--task_name=QQP", "--do_eval")
    refused(capsys, code, "run holds a model of the task SST-2, and the data are QQP's")
    assert contents(run) == before
    assert trained.run_tf1(rows, new, "--task_name=QQP", "--do_eval", f"--init_checkpoint={run}") == 0
    said = capsys.readouterr().err
    assert said.count("holds a model of the task SST-2, and the data are QQP's") == 1
    # The garden's dialect names the records; their metadata name the task.
    records = [f"--eval_data_path={new / 'eval.tf_record'}", f"--input_meta_data_path={new / 'meta_data.json'}"]
    code = trained.run("--mode=eval", f"--model_dir={run}", *records)
    refused(capsys, code, "run holds a model of the task SST-2, and the data are QQP's")
