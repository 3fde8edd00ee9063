"""What run_pretraining says of flags and files that cannot be used: one line, exit code 2, nothing half-written."""

import json
import random

import pytest
import tensorflow as tf
from pretraining_workplace import PretrainingWorkplace, make_record
from test_run_pretraining import held_out

from bert_tf2.data.records.record_writer import RecordWriter
from bert_tf2.tasks.pretraining.features import pretraining_features


@pytest.fixture
def place(tmp_path, tiny_vocab_file, tiny_config_dict) -> PretrainingWorkplace:
    """Records and a configuration; nothing is trained."""
    workplace = PretrainingWorkplace(tmp_path, tiny_vocab_file, tiny_config_dict)
    workplace.write("records", 3, 8)
    return workplace


def refused(place, capsys, *flags, code=2) -> str:
    """The one line that a run is refused with."""
    assert place.run(*flags) == code
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("ERROR")]
    assert len(lines) == 1
    assert not list(place.model_dir.glob("*.index")) or code != 2
    return lines[0]


def test_flags_that_are_missing_or_contradict(place, capsys):
    for flags, message in (
        (["--input_files="], "--input_files (or --input_file) is required"),
        (["--model_dir="], "--model_dir (or --output_dir) is required"),
        (["--bert_config_file="], "--bert_config_file is required"),
        (["--output_dir=elsewhere"], "--model_dir and --output_dir are two names of one thing"),
        (["--input_file=x"], "--input_files and --input_file are two names of one thing"),
        (["--warmup_steps=3", "--num_warmup_steps=3"], "--warmup_steps and --num_warmup_steps are two names"),
        (["--warmup_steps=3", "--warmup_proportion=0.1"], "two ways to say one thing"),
        (["--also_export=tf1,onnx"], "--also_export must be of tf1, huggingface; got 'onnx'"),
        (["--model_export_path=x"], "--model_export_path is not for pre-training"),
        (["--eval_every_steps=5"], "give held-out records with --eval_input_files"),
        (["--load_checkpoint=best"], "give held-out records with --eval_input_files"),
        (["--num_train_epochs=0"], "--num_train_epochs must be greater than 0; got 0"),
        (["--num_train_epochs=5"], "--num_train_epochs does nothing beside --num_train_steps"),
        (["--predict_checkpoint_path=x"], "--predict_checkpoint_path is for evaluation"),
        (["--num_train_steps=0"], "--num_train_steps must be at least 1; got 0"),
        (["--max_seq_length=4"], "--max_seq_length must be at least 5; got 4"),
        (["--best_metric=f1", held_out(place)], "--best_metric=f1 is not computed for this task"),
    ):
        assert message in refused(place, capsys, *flags), flags


def test_files_that_are_not_there_or_not_these(place, capsys):
    assert "no file matches" in refused(place, capsys, f"--input_files={place.directory}/records/none-*")
    assert "no such file" in refused(place, capsys, f"--input_files={place.directory}/records/none")
    assert "no such file" in refused(place, capsys, "--eval_input_files=none.tfrecord")
    assert "no such file" in refused(place, capsys, "--input_meta_data_path=none.json")
    with RecordWriter(str(place.directory / "records" / "part-9"), pretraining_features()) as writer:
        del writer
    assert "the metadata does not describe" in refused(place, capsys)


def test_a_folder_for_transformers_needs_the_vocabulary_before_the_training(place, capsys):
    for path in (place.directory / "records").glob("*vocab.txt"):
        path.unlink()
    message = refused(place, capsys, "--also_export=tf1,huggingface")
    assert message.endswith("there is none beside the records' metadata; give it with --vocab_file=vocab.txt")
    assert not (place.model_dir / "pretrained").exists()


def test_records_that_are_not_finished(place, capsys):
    folder = place.directory / "records"
    (folder / "meta_data.json").unlink()
    (folder / "part-00001-of-00003.tfrecord.progress.json").write_text("{}")
    for pattern in ("part-*.tfrecord", "part-*"):
        message = refused(place, capsys, f"--input_files={folder}/{pattern}")
        assert "part-00001-of-00003.tfrecord is of records that are not finished" in message


def test_a_bad_record_late_in_a_long_loop_and_in_held_out_records(place, capsys):
    place.write("plain", 1, 400, meta=False)
    place.write("small", 1, 400, meta=False)
    bad = place.directory / "plain" / "part-00000-of-00001.tfrecord"
    # One that is not among those that are looked at before the start.
    damage(bad, 398)
    flags = ["--max_seq_length=24", "--max_predictions_per_seq=4", "--train_batch_size=2", "--eval_batch_size=2"]
    training = [f"--input_files={bad}", "--num_train_steps=200", "--steps_per_loop=200"]
    assert f"{bad}: record 398" in refused(place, capsys, *flags, *training, code=1)
    place.model_dir = place.directory / "other"
    good = f"--input_files={place.directory}/small/part-*"
    assert place.run(*flags, good, "--num_train_steps=1") == 0
    evaluation = [*flags, good, "--do_eval", "--max_eval_steps=0"]
    assert place.run(*evaluation, f"--eval_input_files={bad}") == 2
    assert "record 398" in capsys.readouterr().err
    unknown = place.directory / "unknown.tfrecord"
    with RecordWriter(str(unknown), pretraining_features(masked=True, next_sentence=True)) as writer:
        for number in range(400):
            record = make_record(place.tokenizer, random.Random(number), pairs=True, masked=True)
            record["input_ids"][1] += 1000 * (number == 398)
            writer.write(record)
    writer.finish()
    message = refused(place, capsys, *evaluation, f"--eval_input_files={unknown}", code=1)
    assert "a token id is outside of the model's vocabulary" in message


def damage(path, record: int) -> None:
    """Changes the checksum of a record."""
    content, place = bytearray(path.read_bytes()), 0
    for _ in range(record + 1):
        place += 8 + 4 + int.from_bytes(content[place : place + 8], "little") + 4
    content[place - 1] ^= 1
    path.write_bytes(bytes(content))


def test_an_evaluation_of_a_checkpoint_without_a_masked_lm_head(place, capsys):
    assert place.run("--num_train_steps=1") == 0
    encoder = place.model_dir / "pretrained" / "bert_model.ckpt-1"
    place.model_dir = place.directory / "other"
    message = refused(place, capsys, "--do_eval", f"--init_checkpoint={encoder}")
    assert "has no masked-LM head" in message


def test_records_that_do_not_fit_the_metadata_or_the_model(place, capsys, tmp_path):
    message = refused(place, capsys, "--max_seq_length=32")
    assert "--max_seq_length=32, but the records were made with 24" in message
    assert "--max_predictions_per_seq=20, but" in refused(place, capsys, "--max_predictions_per_seq=20")
    config = json.loads(place.config_file.read_text())
    other = tmp_path / "other.json"
    other.write_text(json.dumps(config | {"vocab_size": 50}))
    assert "vocab_size in" in refused(place, capsys, f"--bert_config_file={other}")
    other.write_text(json.dumps(config | {"max_position_embeddings": 20}))
    assert "the records have up to 24 tokens, the model 20 positions" in refused(place, capsys, f"--bert_config_file={other}")
    vocabulary = tmp_path / "other.txt"
    vocabulary.write_text("\n".join(f"[{index}]" for index in range(86)) + "\n")
    assert refused(place, capsys, f"--vocab_file={vocabulary}").startswith("ERROR: ")
    place.write("single", 1, 8, pairs=False)
    single = f"{place.directory}/single/part-*"
    message = refused(place, capsys, f"--input_files={single}", "--use_next_sentence_label")
    assert "the records hold no pairs" in message
    assert "sentence_pairs is none in" in refused(place, capsys, f"--eval_input_files={single}")
    meta = place.directory / "records" / "meta_data.json"
    value = json.loads(meta.read_text())
    meta.write_text(json.dumps(value | {"task_type": "bert_squad"}))
    assert "bert_squad" in refused(place, capsys)
    value["shards"][1]["records"] += 1
    value["train_data_size"] += 1
    meta.write_text(json.dumps(value))
    assert "9 records, but the metadata says 10" in refused(place, capsys)


def test_records_without_metadata_are_looked_at(place, capsys, tmp_path):
    place.write("plain", 2, 8, meta=False)
    records = f"--input_files={tmp_path}/plain/part-*"
    assert "tokens, more than --max_seq_length=10" in refused(place, capsys, records, "--max_seq_length=10")
    message = refused(place, capsys, records, "--max_predictions_per_seq=1", "--max_seq_length=24")
    assert "masked tokens, more than --max_predictions_per_seq=1" in message
    assert "--max_seq_length=128 is more than the model's 64 positions" in refused(place, capsys, records)
    config = json.loads(place.config_file.read_text()) | {"vocab_size": 9}
    (tmp_path / "small.json").write_text(json.dumps(config))
    message = refused(place, capsys, records, f"--bert_config_file={tmp_path}/small.json", "--max_seq_length=24")
    assert "is outside of the model's vocabulary (vocab_size 9" in message
    place.write("single", 1, 8, meta=False, pairs=False)
    message = refused(place, capsys, f"--input_files={tmp_path}/single/part-*", "--max_seq_length=24")
    assert "has no feature 'next_sentence_labels'" in message
    flags = [
        f"--input_files={tmp_path}/single/part-*",
        "--max_seq_length=24",
        "--nouse_next_sentence_label",
        "--num_train_steps=2",
    ]
    assert place.run(*flags) == 0


def test_batches_that_cannot_be_divided(place, capsys):
    flags = ["--num_logical_cpus=1", "--gradient_accumulation_steps=3"]
    assert "--train_batch_size=16 is not divisible by 1 replicas x 3" in refused(place, capsys, *flags)


def test_another_run_and_an_empty_directory_are_refused(place, capsys):
    assert "does not exist; train first" in refused(place, capsys, "--do_eval")
    assert place.run("--num_train_steps=2") == 0
    capsys.readouterr()
    assert place.run("--num_train_steps=1") == 2
    assert "belongs to another run" in capsys.readouterr().err
    # A longer one goes on where this one has ended.
    assert place.run("--num_train_steps=3") == 0
    assert "a finished training of 2 steps goes on for 1 more" in capsys.readouterr().err


def test_a_learning_rate_that_leads_to_nan(place, capsys):
    message = refused(place, capsys, "--learning_rate=1e30", "--clip_norm=0", "--warmup_steps=0", code=12)
    assert "is not finite at step" in message
    assert "records/part-0000" in message


def test_a_damaged_record_stops_the_training_with_its_place(place, capsys):
    path = place.directory / "records" / "part-00001-of-00003.tfrecord"
    content = bytearray(path.read_bytes())
    content[-30] ^= 1
    path.write_bytes(content)
    # The looked-at records are all of so small a file.
    assert "record 8 at byte" in refused(place, capsys)


def test_a_record_that_is_too_long_is_named_when_it_comes(place, capsys, monkeypatch):
    from bert_tf2.jobs.pretraining.records import PretrainingRecords

    place.write("plain", 2, 8, meta=False)
    monkeypatch.setattr(PretrainingRecords, "_check", lambda self, records: None)
    records = f"--input_files={place.directory}/plain/part-*"
    for flags in (["--nobucket_by_length"], []):
        message = refused(place, capsys, records, "--max_seq_length=14", *flags, code=1)
        assert "longer than 14 tokens" in message
        assert "plain/part-0000" in message
        for path in place.model_dir.glob("*"):
            tf.io.gfile.rmtree(str(path)) if path.is_dir() else path.unlink()


def test_a_warm_up_longer_than_the_training_is_said(place, capsys):
    assert place.run("--num_train_steps=2", "--warmup_steps=10000") == 0
    assert "WARNING" in capsys.readouterr().err
