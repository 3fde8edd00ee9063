"""A module of TF-Hub through the commands: weights, configuration, vocabulary and casing come from it and stay."""

import hashlib
import json
import logging

import numpy as np
import pytest
import sentencepiece
import tensorflow as tf
import tf_keras
from finetuning_workplace import Place
from hub_material import bare_module
from squad_workplace import SquadWorkplace

from bert_tf2 import cli
from bert_tf2.api import Classifier
from bert_tf2.inference.mask_filler import MaskFiller
from bert_tf2.jobs.commands.convert_checkpoint import ConvertCheckpointOptions, convert_checkpoint
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.fine_tuning.squad import run_squad
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions
from bert_tf2.jobs.pretraining.job import run_pretraining
from bert_tf2.jobs.pretraining.options import PretrainingOptions
from bert_tf2.models.checkpoints import open_source
from bert_tf2.models.config import BertConfig
from bert_tf2.models.families.albert.config import AlbertConfig
from bert_tf2.models.families.base import families

HANDLE = "https://tfhub.dev/tensorflow/small_bert/bert_en_uncased_L-2_H-16_A-2/2"


def encoder_config(vocab_size):
    return BertConfig(
        vocab_size=vocab_size, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, initializer_range=0.2,
    )  # fmt: skip


def encoder_of(vocab_size):
    config = encoder_config(vocab_size)
    tf_keras.utils.set_random_seed(1)
    return families.get("bert").build(config)


@pytest.fixture
def module(tmp_path, tiny_vocabulary):
    """A cased BERT over the tiny vocabulary, which has no capitals: what it says of casing is against all looks."""
    vocabulary = "\n".join(tiny_vocabulary).encode()
    return bare_module(tmp_path / "module", encoder_of(len(tiny_vocabulary)), {"vocab.txt": vocabulary}, lower_case=False)


@pytest.fixture
def raw(tmp_path):
    """SST-2's files."""
    (tmp_path / "raw").mkdir()
    for split, rows in (("train", 64), ("dev", 16)):
        lines = [f"the movie was {'very ' * (i % 7)}{['bad', 'good'][i % 2]}\t{i % 2}" for i in range(rows)]
        (tmp_path / "raw" / f"{split}.tsv").write_text("\n".join(["sentence\tlabel", *lines]) + "\n")
    (tmp_path / "raw" / "test.tsv").write_text("index\tsentence\n0\tthe movie was very good\n1\tthe movie was bad\n")
    return f"--data_dir={tmp_path / 'raw'}"


def classify(*flags):
    return cli.run(run_classifier, ClassifierOptions, "", ["run_classifier.py", "--num_gpus=0", "--seed=1", *flags])


def test_from_raw_rows_to_predictions_with_nothing_but_the_module(tmp_path, module, raw, capsys, caplog):
    model, task = tmp_path / "model", ["--task_name=SST-2", raw, f"--output_dir={tmp_path / 'model'}"]
    train = [*task, "--do_train", "--do_eval", f"--hub_module_url={module}", "--max_seq_length=16"]
    train += ["--learning_rate=0.01", "--train_batch_size=8", "--num_train_epochs=12"]
    with caplog.at_level(logging.INFO):
        assert classify(*train) == 0
    assert f"loaded 39 weights from {module}/variables/variables" in caplog.text
    assert json.loads((model / "eval_results.json").read_text())["accuracy"] == 1
    config = json.loads((model / "bert_config.json").read_text())
    assert (config["hidden_size"], config["num_attention_heads"], config["hidden_dropout_prob"]) == (16, 2, 0.1)
    assert json.loads((model / "tokenizer_config.json").read_text())["do_lower_case"] is False
    # The same command finds the training done; the module is no longer needed to use the model.
    assert classify(*train) == 0
    tf.io.gfile.rmtree(module)
    assert classify(*task, "--do_predict") == 0
    rows = (model / "predictions.tsv").read_text().strip().split("\n")[1:]
    assert [row.split("\t")[2] for row in rows] == ["1", "0"], rows


@pytest.mark.parametrize(
    "how",
    [
        ["--enable_xla", "--gradient_accumulation_steps=2"],
        pytest.param([], marks=pytest.mark.slow),
        pytest.param(["--recompute", "--optimizer_type=lamb"], marks=pytest.mark.slow),
        pytest.param(["--pack_sequences", "--enable_xla", "--dtype=bf16"], marks=pytest.mark.slow),
    ],
)
def test_a_module_that_is_not_trained_stays_as_it_is(tmp_path, module, raw, how):
    flags = ["--task_name=SST-2", raw, "--do_train", f"--output_dir={tmp_path / 'model'}", "--max_seq_length=16"]
    flags += ["--train_batch_size=32", "--num_train_epochs=2", "--learning_rate=0.02", "--weight_decay_rate=0.5"]
    assert classify(*flags, "--hub_module_trainable=false", f"--hub_module_url={module}", *how) == 0
    before, after = open_source(module), open_source(str(tmp_path / "model"))
    for name, tensor in before.tensors.items():
        np.testing.assert_array_equal(after.tensors[name].read(), tensor.read(), err_msg=name)
    # The optimizer knows of nothing but the two variables of the head.
    assert after.optimizer_slots == 4
    # Two steps of Adam or LAMB with this rate move zeros this far.
    assert np.abs(after.tensors["output_bias"].read()).max() > 1e-5


def test_what_is_not_trained_needs_weights(tmp_path, raw, tiny_vocab_file, tiny_config_dict, capsys):
    (tmp_path / "bert_config.json").write_text(json.dumps(tiny_config_dict))
    flags = [f"--bert_config_file={tmp_path / 'bert_config.json'}", f"--vocab_file={tiny_vocab_file}", raw, "--task_name=SST-2"]
    assert classify(*flags, "--do_train", f"--output_dir={tmp_path / 'model'}", "--hub_module_trainable=false") == 2
    assert "needs weights that stay: give --hub_module_url or --init_checkpoint" in capsys.readouterr().err


def test_what_stays_must_not_be_random(tmp_path, raw, tiny_vocab_file, tiny_vocabulary, capsys):
    """A checkpoint without a pooler, as of a pre-training with masked LM alone, gives a classifier nothing to stand on."""
    config = encoder_config(len(tiny_vocabulary))
    encoder = encoder_of(len(tiny_vocabulary))
    bare = tf.train.Checkpoint(
        _embedding_layer=encoder._embedding_layer,
        _position_embedding_layer=encoder._position_embedding_layer,
        _type_embedding_layer=encoder._type_embedding_layer,
        _embedding_norm_layer=encoder._embedding_norm_layer,
        _transformer_layers=encoder._transformer_layers,
    )
    path = bare.write(str(tmp_path / "bare"))
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
    flags = ["--task_name=SST-2", raw, f"--bert_config_file={tmp_path / 'config.json'}", f"--vocab_file={tiny_vocab_file}"]
    flags += ["--do_train", f"--output_dir={tmp_path / 'model'}", f"--init_checkpoint={path}", "--hub_module_trainable=false"]
    assert classify(*flags, "--max_seq_length=16") == 2
    assert f"{path} has no pooler, which the task's head stands on; it would stay at random values" in capsys.readouterr().err


def test_an_address_in_the_cache_of_tf_hub(tmp_path, module, raw, capsys, monkeypatch):
    from tensorflow_hub import compressed_module_resolver

    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    cached = compressed_module_resolver._module_dir(HANDLE)
    assert cached == str(tmp_path / "cache" / hashlib.sha1(HANDLE.encode()).hexdigest())
    flags = ["--task_name=SST-2", raw, "--do_train", f"--output_dir={tmp_path / 'model'}", f"--hub_module_url={HANDLE}"]
    assert classify(*flags) == 2
    said = capsys.readouterr().err
    assert f"curl -L '{HANDLE}?tf-hub-format=compressed' | tar -xz -C {cached}" in said
    assert "Traceback" not in said
    tf.io.gfile.rename(module, cached)
    assert classify(*flags, "--max_seq_length=16", "--train_batch_size=32", "--num_train_epochs=1") == 0


def test_records_have_the_vocabulary_and_the_casing_of_the_module(tmp_path, module, capsys):
    place = Place(tmp_path, module, capsys)
    place.write("train.tsv", "text\tlabel\nthe movie was good\tpos\nvery bad !\tneg\n")
    code, _, errors = place.run("--max_seq_length=32")
    assert code == 0, errors
    meta = place.meta_data()
    assert meta.vocab_size == 86
    assert meta.normalization.do_lower_case is False
    records = [f"--train_data_path={place.out}/train.tf_record", f"--input_meta_data_path={place.out}/meta.json"]
    train = ["--mode=train", *records, "--num_train_epochs=1", f"--model_dir={tmp_path / 'model'}"]
    assert classify(*train, f"--hub_module_url={module}") == 0


@pytest.mark.parametrize("form", ["huggingface", "tf1"])
def test_conversion(tmp_path, module, capsys, form):
    target = tmp_path / "converted" / "bert"
    flags = [f"--checkpoint_to_convert={module}", f"--converted_checkpoint_path={target}", f"--to={form}"]
    assert cli.run(convert_checkpoint, ConvertCheckpointOptions, "", ["convert", *flags]) == 0
    assert "39 tensors, read back and equal bit for bit" in capsys.readouterr().out
    folder = target if form == "huggingface" else target.parent
    assert (folder / "vocab.txt").read_text().startswith("[PAD]\n[UNK]\n")
    assert json.loads((folder / "tokenizer_config.json").read_text())["do_lower_case"] is False


@pytest.mark.slow
def test_a_configuration_that_is_given_wins_and_is_checked(tmp_path, module, raw, tiny_config_dict, capsys):
    given = tmp_path / "given.json"
    flags = ["--task_name=SST-2", raw, "--do_train", f"--output_dir={tmp_path / 'model'}", f"--hub_module_url={module}"]
    flags += [f"--bert_config_file={given}", "--max_seq_length=16", "--train_batch_size=32", "--num_train_epochs=1"]
    given.write_text(json.dumps(tiny_config_dict | {"hidden_size": 32}))
    assert classify(*flags) == 2
    assert "hidden_size 16 in the checkpoint, 32 in the configuration" in capsys.readouterr().err
    given.write_text(json.dumps(tiny_config_dict | {"hidden_act": "relu", "num_hidden_layers": 1}))
    assert classify(*flags) == 0
    assert json.loads((tmp_path / "model" / "bert_config.json").read_text())["hidden_act"] == "relu"


@pytest.mark.slow
def test_questions(tmp_path, module, tiny_vocab_file, tiny_config_dict, capsys):
    place = SquadWorkplace(tmp_path, tiny_vocab_file, tiny_config_dict)
    data = [f"--{name}_file={place.directory / file}.json" for name, file in (("train", "train"), ("predict", "dev"))]
    sizes = ["--max_seq_length=32", "--doc_stride=8", "--max_query_length=8", "--num_train_epochs=0.2", "--num_gpus=0"]
    flags = ["--do_train", "--do_predict", *data, *sizes, f"--hub_module_url={module}", f"--output_dir={tmp_path / 'model'}"]
    assert cli.run(run_squad, SquadOptions, "", ["run_squad.py", *flags]) == 0
    assert json.loads((tmp_path / "model" / "tokenizer_config.json").read_text())["do_lower_case"] is False


@pytest.mark.slow
def test_an_albert_by_its_own_flag(tmp_path, raw, capsys):
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the movie was good", "a bad bad film", "abcdefghijklmnopqrstuvwxyz"] * 3),
        model_prefix=str(tmp_path / "30k-clean"), vocab_size=60, hard_vocab_limit=False, pad_id=0, unk_id=1, bos_id=-1, eos_id=-1,
        control_symbols=["[CLS]", "[SEP]", "[MASK]"], minloglevel=2,
    )  # fmt: skip
    model = (tmp_path / "30k-clean.model").read_bytes()
    size = sentencepiece.SentencePieceProcessor(model_proto=model).get_piece_size()
    config = AlbertConfig(
        vocab_size=size, embedding_size=8, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64,
    )  # fmt: skip
    folder = bare_module(tmp_path / "module", families.get("albert").build(config), {"30k-clean.model": model}, None)
    (tmp_path / "module" / "keras_metadata.pb").write_bytes(b'\n\x08{"config": {"num_layers": 2, "hidden_size": 16}}')
    flags = ["--task_name=SST-2", raw, "--do_train", f"--output_dir={tmp_path / 'model'}", "--max_seq_length=16"]
    assert classify(*flags, f"--albert_hub_module_handle={folder}", "--train_batch_size=32", "--num_train_epochs=1") == 0
    written = json.loads((tmp_path / "model" / "bert_config.json").read_text())
    assert written["num_hidden_layers"] == 2
    assert written["hidden_dropout_prob"] == 0
    assert (tmp_path / "model" / "spiece.model").read_bytes() == model
    # As the vocabulary of records it is named by another flag.
    place = Place(tmp_path, folder, capsys)
    place.write("train.tsv", "text\tlabel\nthe movie was good\tpos\nvery bad !\tneg\n")
    place.fails("is a SentencePiece model; give --sp_model_file=")
    assert place.run("--tokenization=SentencePiece", f"--sp_model_file={folder}", "--vocab_file=")[0] == 0


@pytest.mark.slow
def test_from_python(tmp_path, module):
    texts, labels = ["good movie", "bad movie"] * 4, ["pos", "neg"] * 4
    classifier = Classifier.train(
        (texts, labels), model_dir=tmp_path / "model", hub_module_url=module, num_train_epochs=1, num_gpus=0, max_seq_length=16
    )
    assert classifier.predict(["good movie"])[0].label in ("pos", "neg")


WRONG = {
    "https://tfhub.dev/google/nothing/1": "is not in TF-Hub's cache, and nothing is downloaded from here",
    "absent": "does not exist; give the folder that the module was unpacked into",
    "empty": "is no module: it holds neither variables/variables.index nor saved_model.pb",
    "program": "holds saved_model.pb but no variables/variables.index",
    "other": "holds no encoder of BERT or ALBERT",
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_modules(tmp_path, capsys, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    for folder in ("empty", "program", "other"):
        (tmp_path / folder).mkdir()
    (tmp_path / "program" / "saved_model.pb").write_bytes(b"")
    tf.train.Checkpoint(table=tf.Variable([1.0])).write("other/variables/variables")
    flags = ["--task_name=SST-2", "--data_dir=raw", "--do_train", "--output_dir=model", "--vocab_file=v"]
    assert classify(*flags, f"--hub_module_url={name}") == 2
    errors = capsys.readouterr().err
    assert WRONG[name] in errors
    assert "Traceback" not in errors
    assert not (tmp_path / "model").exists()


def test_contradictory_flags(module, capsys):
    flags = ["--task_name=SST-2", "--data_dir=raw", "--do_train", "--output_dir=model", f"--hub_module_url={module}"]
    assert classify(*flags, "--init_checkpoint=bert_model.ckpt") == 2
    assert "--hub_module_url and --init_checkpoint are two names of the first weights; give one" in capsys.readouterr().err
    flags = ["--input_files=records", "--bert_config_file=c", "--model_dir=model", "--hub_module_trainable=false"]
    assert cli.run(run_pretraining, PretrainingOptions, "", ["run_pretraining.py", *flags]) == 2
    assert "--hub_module_trainable is not for pre-training, which trains the encoder" in capsys.readouterr().err


def test_masked_words_need_a_head(module):
    with pytest.raises(Exception, match="has no masked-LM head"):
        MaskFiller.from_checkpoint(module)
