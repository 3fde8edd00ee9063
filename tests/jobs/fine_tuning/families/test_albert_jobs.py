"""ALBERT through the commands: SentencePiece records, a TF1 checkpoint, training, evaluation, prediction, exports."""

import json

import numpy as np
import pytest
import sentencepiece
import tensorflow as tf
import tf_keras

from bert_tf2 import cli
from bert_tf2.data.records.metadata import read_meta_data
from bert_tf2.inference.text_classifier import TextClassifier
from bert_tf2.jobs.commands.convert_checkpoint import ConvertCheckpointOptions, convert_checkpoint
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions
from bert_tf2.jobs.pretraining.data import PretrainingDataOptions, create_pretraining_data
from bert_tf2.jobs.pretraining.job import run_pretraining
from bert_tf2.jobs.pretraining.options import PretrainingOptions
from bert_tf2.models.checkpoints import open_source
from bert_tf2.models.checkpoints.convert import convert
from bert_tf2.models.families.base import families, read_config
from bert_tf2.text.tokenizer import load_tokenizer

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

CONFIG = {
    "embedding_size": 16,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_hidden_groups": 1,
    "inner_group_num": 1,
    "net_structure_type": 0,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "hidden_dropout_prob": 0,
    "attention_probs_dropout_prob": 0,
    # A wider start lets so small a model learn in a few dozen steps.
    "initializer_range": 0.2,
}


class Place:
    """A published ALBERT in Google's form, with rows to learn from."""

    def __init__(self, directory, sp_model_file, vocab_size):
        self.directory, self.sp_model_file = directory, sp_model_file
        self.config_file, self.model = directory / "albert_config.json", directory / "model.ckpt-best"
        self.config_file.write_text(json.dumps(CONFIG | {"vocab_size": vocab_size}))
        config = read_config(str(self.config_file))
        tf_keras.utils.set_random_seed(1)
        encoder = tf.train.Checkpoint(model=families.get("albert").build(config)).write(str(directory / "encoder"))
        convert(open_source(encoder), config, str(self.model), "tf1")

    def command(self, job, options, *flags):
        return cli.run(job, options, "", ["command", *flags])

    def classifier(self, *flags):
        return self.command(
            run_classifier, ClassifierOptions, f"--model_dir={self.directory / 'run'}", "--num_gpus=0", "--seed=1", *flags
        )


@pytest.fixture
def place(tmp_path):
    draw = np.random.default_rng(0)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the movie was good", "a bad bad film", "1,000, very", "abcdefghijklmnopqrstuvwxyz"] * 3),
        model_prefix=str(tmp_path / "30k-clean"),
        vocab_size=60,
        hard_vocab_limit=False,
        pad_id=0,
        unk_id=1,
        bos_id=-1,
        eos_id=-1,
        control_symbols=["[CLS]", "[SEP]", "[MASK]"],
        user_defined_symbols=["the", "movie", "very", "good", "bad"],
        minloglevel=2,
    )
    path = str(tmp_path / "30k-clean.model")
    size = sentencepiece.SentencePieceProcessor(model_file=path).get_piece_size()
    for split, count in (("train", 120), ("eval", 40), ("test", 20)):
        lines = ["text\tlabel"]
        for _ in range(count):
            label = draw.integers(2)
            words = ["the", "movie", "1,000,"] + ["very"] * int(draw.integers(5)) + [("bad", "good")[label]]
            lines.append(f"{' '.join(draw.permutation(words))}\t{('no', 'yes')[label]}")
        (tmp_path / f"{split}.tsv").write_text("\n".join(lines) + "\n")
    return Place(tmp_path, path, size)


def test_albert_from_raw_files_to_predictions_of_texts(place, capsys):
    here = place.directory
    records = [f"--{split}_data_output_path={here / split}.tf_record" for split in ("train", "eval", "test")]
    own = [f"--{split}_file={here / split}.tsv" for split in ("train", "eval", "test")]
    meta = f"{here / 'meta_data.json'}"
    vocabulary = ["--tokenization=SentencePiece", f"--sp_model_file={place.sp_model_file}"]
    assert place.command(
        create_finetuning_data, FinetuningDataOptions, *own, *records, f"--meta_data_file_path={meta}", *vocabulary,
        "--max_seq_length=32",
    ) == 0  # fmt: skip
    assert read_meta_data(meta).max_seq_length == 32
    data = [f"--{split}_data_path={here / split}.tf_record" for split in ("train", "eval")] + [f"--input_meta_data_path={meta}"]
    train = ["--mode=train_and_eval", f"--albert_config_file={place.config_file}", f"--init_checkpoint={place.model}"]
    fitting = ["--learning_rate=0.005", "--train_batch_size=16", "--num_train_epochs=12"]
    export = f"--model_export_path={here / 'export'}"
    assert place.classifier(*train, *data, *fitting, export) == 0
    assert place.classifier("--mode=predict", f"--test_data_path={here / 'test.tf_record'}") == 0
    rows = (here / "run" / "predictions.tsv").read_text().strip().split("\n")[1:]
    gold = [line.split("\t")[1] for line in (here / "test.tsv").read_text().strip().split("\n")[1:]]
    assert sum(label in row.split("\t") for row, label in zip(rows, gold)) >= 18
    # Texts by the run's directory and by the exported model.
    texts = [line.split("\t")[0] for line in (here / "test.tsv").read_text().strip().split("\n")[1:]]
    by_run = TextClassifier.from_run(str(here / "run")).predict(texts)
    by_export = TextClassifier.from_saved_model(str(here / "export_text")).predict(texts)
    assert [one.label for one in by_run] == [one.label for one in by_export]
    np.testing.assert_allclose(
        [max(one.probabilities.values()) for one in by_run], [max(one.probabilities.values()) for one in by_export], atol=1e-5
    )
    # The trained model in the other forms.
    step = max(int(path.name.split("-")[1].split(".")[0]) for path in (here / "run").glob("ckpt-*.index"))
    for to in ("tf1", "huggingface"):
        target = here / f"as_{to}"
        assert place.command(
            convert_checkpoint, ConvertCheckpointOptions, f"--checkpoint_to_convert={here / 'run' / f'ckpt-{step}'}",
            f"--converted_checkpoint_path={target}", f"--to={to}",
        ) == 0  # fmt: skip
        source = open_source(str(target))
        assert source.family.name == "albert"
        assert source.head("classifier")
    assert (here / "spiece.model").read_bytes() == (here / "30k-clean.model").read_bytes()
    transformers = pytest.importorskip("transformers")
    theirs, ours = (
        transformers.AlbertTokenizer.from_pretrained(str(here / "as_huggingface")),
        load_tokenizer(sp_model_file=str(here / "as_huggingface" / "spiece.model"), tokenization="SentencePiece"),
    )
    for text in texts:
        assert theirs(text)["input_ids"] == ours.template.packed(ours.encode(text))


def test_albert_is_pretrained_with_the_order_of_sentences(place):
    here, draw = place.directory, np.random.default_rng(1)
    words = ["the", "movie", "very", "good", "bad", "1,000,"]
    documents = [[" ".join(draw.choice(words, 6)) for _ in range(8)] for _ in range(12)]
    (here / "text.txt").write_text("\n\n".join("\n".join(document) for document in documents) + "\n")
    assert place.command(
        create_pretraining_data, PretrainingDataOptions, f"--input_file={here / 'text.txt'}", "--dupe_factor=2",
        f"--output_file={here / 'records' / 'part.tfrecord'}", "--tokenization=SentencePiece", "--sentence_pairs=sop",
        f"--spm_model_file={place.sp_model_file}", "--max_seq_length=48", "--max_predictions_per_seq=8",
    ) == 0  # fmt: skip
    assert place.command(
        run_pretraining, PretrainingOptions, f"--input_files={here / 'records' / 'part.tfrecord'}", "--num_train_steps=6",
        f"--albert_config_file={place.config_file}", f"--init_checkpoint={place.model}", f"--model_dir={here / 'run'}",
        "--train_batch_size=8", "--num_gpus=0", "--seed=1", "--warmup_steps=2",
    ) == 0  # fmt: skip
    source = open_source(str(here / "run" / "ckpt-6"))
    assert source.family.name == "albert"
    assert source.head("masked_lm")
    assert source.head("next_sentence")


def test_a_configuration_of_another_family_is_told(place, tiny_config_dict, capsys):
    here = place.directory
    bert = here / "bert_config.json"
    bert.write_text(json.dumps(tiny_config_dict))
    task = ["--task_name=CoLA", f"--data_dir={here}", "--do_train", f"--spm_model_file={place.sp_model_file}"]
    assert place.classifier(*task, f"--bert_config_file={bert}", f"--init_checkpoint={place.model}") == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "is a checkpoint of ALBERT, the configuration is one of BERT" in said
