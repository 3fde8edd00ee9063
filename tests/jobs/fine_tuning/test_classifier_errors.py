"""Wrong commands and damaged files: one line with rule, value and cure, exit code 2 (or the job's own), no traceback."""

import json
import os
import pathlib

import pytest
import tensorflow as tf

from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder


def fails(workplace, capsys, flags, message, code=2):
    """Runs the command and checks that it ends in one line that holds `message`."""
    capsys.readouterr()
    assert workplace.run(*flags) == code
    captured = capsys.readouterr()
    errors = [line for line in captured.err.splitlines() if line.startswith("ERROR: ")]
    assert len(errors) == 1, captured.err
    assert message in errors[0]
    assert "Traceback" not in captured.err
    assert captured.err.rstrip().splitlines()[-1] == errors[0]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--train_batch_size=0"], "--train_batch_size must be at least 1; got 0"),
        (["--seed=-1"], "--seed must be from 0 to 4294967295; got -1"),
        (["--seed=4294967296"], "--seed must be from 0 to 4294967295"),
        (["--learning_rate=-1"], "--learning_rate must be greater than 0"),
        (["--learning_rate=nan"], "--learning_rate must be greater than 0"),
        (["--num_train_epochs=0"], "--num_train_epochs must be greater than 0"),
        (["--mode=training"], "--mode must be one of train_and_eval, train, eval, predict, export_only"),
        (["--optimizer_type=adam"], "Did you mean 'adamw'"),
        (["--gin_file=x"], "--gin_file=x is refused: options are flags; there is no gin"),
        (["--hub_module_url=x"], "--hub_module_url=x does not exist; give the folder"),
        (["--fp16_implementation=graph_rewrite"], "is refused"),
        (["--loss_scale=128"], "it is for --dtype=fp16"),
        (["--distribution_strategy=parameter_server"], "use multi_worker_mirrored"),
        (["--distribution_strategy=multi_worker_mirrored"], "needs --worker_hosts and --task_index, or TF_CONFIG"),
        (["--worker_hosts=a:1,b:1"], "needs --distribution_strategy=multi_worker_mirrored"),
        (["--num_gpus=2"], "found 0 GPUs"),
        (["--do_train"], "--input_meta_data_path belongs to the model-garden dialect"),
        (["--output_dir=x"], "two names of one thing"),
        (["--predict_checkpoint_path=x"], "with training use --init_checkpoint"),
        (["--train_data_path=nowhere.tf_record"], "--train_data_path: no such file: nowhere.tf_record"),
        (["--init_checkpoint=nowhere/bert_model.ckpt"], "nowhere/bert_model.ckpt"),
        (["--bert_config_file=nowhere.json"], "--bert_config_file: no such file"),
        (["--max_seq_length=64"], "--max_seq_length=64, but the records were made with 32"),
        (["--nodo_lower_case"], "--do_lower_case=False, but the records were made with True"),
        (["--train_data_size=1000"], "there are only 150 training examples"),
        (["--gradient_accumulation_steps=3"], "--train_batch_size=16 is not divisible by"),
        (
            ["--micro_batch_size=7"],
            "does not divide the 16 rows of a replica (--train_batch_size=16 on 1 replica(s)); use 4 or 8",
        ),
        (["--micro_batch_size=0"], "--micro_batch_size must be auto or 1, 2, 3, …; got 0"),
        (["--micro_batch_size=some"], "--micro_batch_size must be auto or 1, 2, 3, …; got some"),
        (["--micro_batch_size=32"], "--micro_batch_size=32 is more than the 16 rows of a replica"),
        (["--micro_batch_size=8", "--gradient_accumulation_steps=2"], "are two ways to say one thing"),
        (["--micro_batch_size=auto", "--use_tpu"], "is not for a TPU"),
        (["--micro_batch_size=auto", "--pack_sequences"], "cannot make packed batches smaller"),
        (["--compilation_cache=kept", "--noenable_xla"], "can do nothing with --noenable_xla, which compiles nothing"),
        (["--best_metric=acuracy"], "Did you mean 'accuracy'"),
        (["--model_dir=/proc/nowhere"], "cannot create the directory /proc/nowhere"),
        (["--mode=train", "--eval_data_path=", "--early_stopping_patience=2"], "give --eval_data_path"),
    ],
)
def test_wrong_commands(workplace, capsys, flags, message):
    fails(workplace, capsys, flags, message)
    assert not workplace.model_dir.exists() or not [name for name in os.listdir(workplace.model_dir) if "ckpt" in name]


@pytest.mark.parametrize("mode", ["predict", "eval", "export_only"])
def test_nothing_is_predicted_from_random_weights(workplace, capsys, mode):
    flags = [f"--mode={mode}", f"--model_export_path={workplace.directory / 'export'}"]
    fails(workplace, capsys, flags, "does not exist; train first")
    # Before anything is asked for that the directory would hold.
    fails(workplace, capsys, [*flags, "--bert_config_file="], "does not exist; train first")
    workplace.model_dir.mkdir()
    fails(workplace, capsys, flags, "is empty; train first")
    assert os.listdir(workplace.model_dir) == []


def test_configurations_that_do_not_fit(workplace, capsys):
    good = json.loads(workplace.config_file.read_text())
    for change, message in (
        ({"vocab_size": 85}, "vocabulary of 86 entries; vocab_size"),
        ({"max_position_embeddings": 16}, "up to 32 tokens, the model 16 positions"),
        ({"hidden_size": 18, "num_attention_heads": 4}, "18"),
        ({"num_hidden_layers": 0}, "num_hidden_layers"),
        ({"hidden_dropout": 0.1}, "hidden_dropout_prob"),
    ):
        workplace.config_file.write_text(json.dumps(good | change))
        fails(workplace, capsys, [], message)
    workplace.config_file.write_text('{"vocab_size": 86,\n "hidden_size" 16}')
    fails(workplace, capsys, [], "bert_config.json:2:")


def test_another_vocabulary_than_the_records(workplace, capsys):
    other = workplace.directory / "other.txt"
    lines = pathlib.Path(workplace.vocab_file).read_text(encoding="utf-8").splitlines()
    lines[5], lines[6] = lines[6], lines[5]
    other.write_text("\n".join(lines) + "\n")
    fails(workplace, capsys, [f"--vocab_file={other}"], "is not the vocabulary the records were made with")


def test_damaged_records_and_metadata(workplace, capsys):
    path = workplace.directory / "train.tf_record"
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    fails(workplace, capsys, [], "train.tf_record: record 149 at byte")
    path.write_bytes(whole[:500] + bytes([whole[500] ^ 1]) + whole[501:])
    fails(workplace, capsys, [], "checksum")
    path.write_bytes(b"")
    fails(workplace, capsys, [], "train.tf_record")
    path.write_bytes((workplace.directory / "eval.tf_record").read_bytes())
    fails(workplace, capsys, [], "41 records, but the metadata says 150")
    path.write_bytes(whole)
    meta_path = workplace.directory / "meta_data.json"
    meta = json.loads(meta_path.read_text())
    meta_path.write_text(json.dumps(meta | {"num_labels": 1, "label_list": ["negative"]}))
    fails(workplace, capsys, [], "at least 2 labels")
    del meta["train_data_size"]
    meta_path.write_text(json.dumps(meta))
    fails(workplace, capsys, [], "the key 'train_data_size' is missing")
    meta_path.unlink()
    fails(workplace, capsys, [], "--input_meta_data_path: no such file")


def test_records_that_the_metadata_does_not_tell_of(workplace, capsys):
    other = workplace.directory / "other.tf_record"
    other.write_bytes((workplace.directory / "test.tf_record").read_bytes())
    message = f"--eval_data_path={other} is not one of the files that the metadata tells of (train.tf_record, eval.tf_record,"
    fails(workplace, capsys, [f"--eval_data_path={other}"], message)


def test_records_without_labels_give_no_scores(workplace, capsys):
    test = workplace.directory / "test.tsv"
    test.write_text("".join(line.split("\t")[0] + "\n" for line in test.read_text().splitlines()))
    assert workplace.prepare() == 0
    records = workplace.directory / "test.tf_record"
    for mode in ("eval", "train_and_eval"):
        fails(workplace, capsys, [f"--mode={mode}", f"--eval_data_path={records}"], "these records have no labels")
    fails(workplace, capsys, ["--mode=train", f"--train_data_path={records}"], "use --mode=predict")
    assert not workplace.model_dir.exists()


def test_a_label_beyond_the_metadatas_classes(workplace, capsys):
    meta_path = workplace.directory / "meta_data.json"
    meta = json.loads(meta_path.read_text())
    for key in ("files", "label_list"):
        del meta[key]
    records = list(tf.data.TFRecordDataset(str(workplace.directory / "train.tf_record")).as_numpy_iterator())
    example = tf.train.Example.FromString(records[3])
    example.features.feature["label_ids"].int64_list.value[0] = 5
    records[3] = example.SerializeToString()
    with tf.io.TFRecordWriter(str(workplace.directory / "train.tf_record")) as writer:
        for record in records:
            writer.write(record)
    meta_path.write_text(json.dumps(meta))
    fails(workplace, capsys, [], "label_ids must be from 0 to 1 (num_labels in the metadata); got 5 (1 of 150 records)")


def test_token_ids_beyond_the_models_vocabulary(workplace, capsys):
    """The model garden's metadata do not say what vocabulary the records are of."""
    meta_path = workplace.directory / "meta_data.json"
    meta = json.loads(meta_path.read_text())
    meta_path.write_text(json.dumps({key: value for key, value in meta.items() if key not in ("vocab_size", "files")}))
    config = json.loads(workplace.config_file.read_text())
    workplace.config_file.write_text(json.dumps(config | {"vocab_size": 8}))
    message = "record 0 (byte 0): input_ids must be from 0 to 7 (vocab_size in the model's configuration); got"
    fails(workplace, capsys, [], message)


def test_checkpoints_that_cannot_be_loaded(workplace, capsys):
    directory = workplace.directory
    config = json.loads(workplace.config_file.read_text())
    wider = build_encoder(BertConfig(**(config | {"hidden_size": 32})))
    prefix = tf.train.Checkpoint(model=wider).write(str(directory / "wider"))
    fails(workplace, capsys, [f"--init_checkpoint={prefix}"], "32")
    prefix = tf.train.Checkpoint(step=tf.Variable(1)).write(str(directory / "nothing"))
    fails(workplace, capsys, [f"--init_checkpoint={prefix}"], "nothing")
    prefix = tf.train.Checkpoint(model=build_encoder(BertConfig(**config))).write(str(directory / "cut"))
    data = directory / "cut.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:1000])
    fails(workplace, capsys, [f"--init_checkpoint={prefix}"], "cut")


def test_a_batch_that_the_replicas_do_not_divide_is_refused_before_training(workplace, capsys):
    fails(workplace, capsys, ["--train_batch_size=15", "--gradient_accumulation_steps=2"], "use 14 or 16")


def test_fewer_examples_than_a_batch_just_work(workplace):
    assert workplace.run("--train_batch_size=512", "--num_train_epochs=1", "--mode=train") == 0


def test_an_exploding_loss_stops_the_run_and_names_the_step(workplace, capsys):
    assert workplace.run("--mode=train", "--num_train_epochs=1") == 0
    before = sorted(os.listdir(workplace.model_dir))
    flags = ["--mode=train", "--learning_rate=1e30", "--clip_norm=0", "--warmup_proportion=0"]
    fails(workplace, capsys, [*flags, f"--model_dir={workplace.directory / 'other'}"], "is not finite at step", code=12)
    assert sorted(os.listdir(workplace.model_dir)) == before


def test_a_model_is_only_used_with_data_and_configuration_like_its_trainings(workplace, capsys):
    assert workplace.run("--mode=train", "--num_train_epochs=1") == 0
    meta_path = workplace.directory / "meta_data.json"
    text = meta_path.read_text()
    meta = json.loads(text)
    for mode in ("predict", "eval"):
        meta_path.write_text(json.dumps(meta | {"label_list": ["positive", "negative"]}))
        message = 'model holds a model of other data or another configuration (labels: ["negative", "positive"] there, '
        fails(workplace, capsys, [f"--mode={mode}"], message)
        meta_path.write_text(json.dumps(meta | {"vocab_fingerprint": "0" * 64}))
        fails(workplace, capsys, [f"--mode={mode}"], "is not the vocabulary the records were made with")
    meta_path.write_text(json.dumps(meta | {"label_list": ["a", "b", "c"], "num_labels": 3}))
    fails(workplace, capsys, ["--mode=predict"], 'labels: ["negative", "positive"] there, ["a", "b", "c"] now')
    meta_path.write_text(text)
    config = json.loads(workplace.config_file.read_text())
    workplace.config_file.write_text(json.dumps(config | {"hidden_act": "relu"}))
    fails(workplace, capsys, ["--mode=predict"], '(hidden_act: "gelu" there, "relu" now); prepare the data as')
    # What only training depends on may be another, and metadata that say nothing are believed.
    workplace.config_file.write_text(json.dumps(config | {"hidden_dropout_prob": 0.5}))
    for key in ("label_list", "vocab_fingerprint", "files"):
        del meta[key]
    meta_path.write_text(json.dumps(meta))
    assert workplace.run("--mode=predict") == 0
    (workplace.model_dir / "run_config.json").write_text("[]")
    fails(workplace, capsys, ["--mode=predict"], "run_config.json: must hold the objects 'run' and 'about'")


def test_a_model_dir_that_tensorflow_could_not_read_from_is_refused(workplace, capsys):
    fails(workplace, capsys, [f"--model_dir={workplace.directory}/run[1]"], "run[1]: TensorFlow takes *, ? and [ in the path")
    assert not (workplace.directory / "run[1]").exists()


def test_an_export_that_cannot_be_written_is_refused_before_training(workplace, capsys):
    file = workplace.directory / "file"
    file.write_text("")
    fails(workplace, capsys, [f"--model_export_path={file}"], "file is a file; name a new directory")
    fails(workplace, capsys, [f"--model_export_path={file}/export"], "cannot create the directory")
    assert not [name for name in os.listdir(workplace.model_dir) if "ckpt" in name]


def test_bad_rows_of_raw_files_end_the_run_or_are_left_out_and_listed(workplace, tmp_path, capsys):
    data_dir, output_dir = workplace.write_raw(), tmp_path / "out"
    for split, number in (("train", 3), ("test", 2)):
        path = data_dir / f"{split}.tsv"
        lines = path.read_text().splitlines()
        path.write_text("\n".join([*lines[:number], "a\tb\tc", *lines[number:]]) + "\n")
    assert workplace.run_tf1(data_dir, output_dir, "--do_train", "--do_predict") == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert "train.tsv:4: 3 columns, expected 2" in last
    assert "--on_bad_row=skip" in last
    assert workplace.run_tf1(data_dir, output_dir, "--do_train", "--do_predict", "--on_bad_row=skip") == 0
    listed = output_dir / "train.tf_record.rejects.jsonl"
    assert f"train: 1 row was left out; the first: {data_dir}/train.tsv:4" in (errors := capsys.readouterr().err)
    assert f"all are listed in {listed}" in errors
    assert json.loads(listed.read_text())["row"] == ["a", "b", "c"]
    # Texts stand beside their own predictions, those that were left out notwithstanding.
    rows = [line.split("\t") for line in (output_dir / "predictions.tsv").read_text().splitlines()]
    assert [(row[0], row[1].strip()) for row in rows[1:3]] == [("0", "good"), ("2", "good movie")]
    assert len(rows) == 8
    # The records are used again, and made anew without the flag.
    assert workplace.run_tf1(data_dir, output_dir, "--do_predict", "--on_bad_row=skip") == 0
    assert "using the records" in capsys.readouterr().err
    assert workplace.run_tf1(data_dir, output_dir, "--do_predict") == 2
    assert workplace.run("--on_bad_row=skip") == 2
    assert "--on_bad_row is for raw files (--task_name)" in capsys.readouterr().err


def test_what_is_unusual_is_warned_of(workplace, capsys):
    assert workplace.run("--mode=train", "--num_train_epochs=1", "--learning_rate=0.05", "--train_batch_size=512") == 0
    told = capsys.readouterr().err
    assert "WARNING: --learning_rate=0.05 is far above" in told
    assert "WARNING: --train_batch_size=512 is more than the 150 training examples" in told
