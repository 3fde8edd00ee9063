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
