"""Vectors from files of texts to scores, predictions and exports, by the commands."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2 import cli
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions

TEXTS = ["the movie was good", "it was bad", "so so", "a very long movie", "good and bad", "the good", "neither", "very very bad"]


class Place:
    """A directory with records, and the commands."""

    def __init__(self, directory, vocab_file, config):
        self.directory, self.vocab_file = directory, vocab_file
        self.config_file = directory / "bert_config.json"
        self.config_file.write_text(json.dumps(config | {"initializer_range": 0.2}))

    def prepare(self, **contents):
        """The exit code of create_finetuning_data.py on files of these names and contents."""
        flags = ["prepare", "--fine_tuning_task_type=similarity", f"--vocab_file={self.vocab_file}", "--max_seq_length=16"]
        for name, content in contents.items():
            split = name.split("_")[0]
            path = self.directory / f"{name}.tsv"
            path.write_text(content)
            flags += [f"--{split}_file={path}", f"--{split}_data_output_path={self.directory / split}.tf_record"]
        flags.append(f"--meta_data_file_path={self.directory / 'meta_data.json'}")
        return cli.run(create_finetuning_data, FinetuningDataOptions, "", flags)

    def run(self, model, *flags):
        """The exit code of run_classifier.py on the records."""
        paths = [f"--{path.stem}_data_path={path}" for path in self.directory.glob("*.tf_record")]
        fixed = [f"--input_meta_data_path={self.directory / 'meta_data.json'}", f"--bert_config_file={self.config_file}"]
        fixed += [f"--model_dir={self.directory / model}", "--num_gpus=0", "--seed=1", "--train_batch_size=8"]
        return cli.run(run_classifier, ClassifierOptions, "", ["run_classifier.py", *paths, *fixed, *flags])


@pytest.fixture
def place(tmp_path, tiny_vocab_file, tiny_config_dict):
    return Place(tmp_path, tiny_vocab_file, tiny_config_dict)


SCORED = "sentence1\tsentence2\tscore\n" + "".join(
    f"{a}\t{b}\t{5 if a == b else len(set(a.split()) & set(b.split()))}\n" for a in TEXTS for b in TEXTS
)


def test_texts_alone_train_vectors_that_pairs_with_scores_measure(place):
    lines = "text\n" + "\n".join(TEXTS * 2) + "\n"
    assert place.prepare(train=lines, eval=SCORED, test="sentence1\tsentence2\nso so\tbad\n") == 0
    meta = json.loads((place.directory / "meta_data.json").read_text())
    assert (meta["form"], meta["best_metric"], meta["train_data_size"]) == ("texts", "spearman", 16)
    flags = ["--mode=train_and_eval", "--num_train_epochs=2", f"--model_export_path={place.directory / 'export'}"]
    assert place.run("model", *flags) == 0
    results = json.loads((place.directory / "model" / "eval_results.json").read_text())
    assert -1 <= results["spearman"] <= 1
    table = (place.directory / "model" / "eval_predictions.tsv").read_text().splitlines()
    assert table[0].split("\t") == ["id", "text_a", "text_b", "score", "cosine"]
    assert len(table) == 1 + len(TEXTS) ** 2
    cosines = {(first, second): float(cosine) for _, first, second, _, cosine in (line.split("\t") for line in table[1:])}
    assert cosines[TEXTS[0], TEXTS[0]] == pytest.approx(1, abs=1e-5)
    assert "Cosines by score" in (place.directory / "model" / "report.md").read_text()
    # The export gives the vectors that were compared.
    import tensorflow_text  # noqa: F401

    export = tf.saved_model.load(str(place.directory / "export_text"))
    vectors = export.signatures["serving_default"](text=tf.constant(TEXTS))
    unit = vectors["normalized_embedding"].numpy()
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-5)
    for i, first in enumerate(TEXTS):
        assert cosines[first, TEXTS[3]] == pytest.approx(float(unit[i] @ unit[3]), abs=1e-5)
    assert place.run("model", "--mode=predict") == 0
    assert (place.directory / "model" / "predictions.tsv").read_text().splitlines()[0] == "id\ttext_a\ttext_b\tcosine"


def test_a_trained_directory_makes_the_vectors_it_was_trained_for(place):
    from bert_tf2.api import TextEncoder
    from bert_tf2.errors import UserError

    assert place.prepare(train=SCORED, eval=SCORED) == 0
    for pooling in ("max", "pooler"):
        flags = ["--mode=train_and_eval", "--num_train_epochs=1", f"--pooling={pooling}"]
        assert place.run(pooling, *flags) == 0
    vectors = TextEncoder.from_run(str(place.directory / "max"), normalize=True).encode(TEXTS)
    table = [line.split("\t") for line in (place.directory / "max" / "eval_predictions.tsv").read_text().splitlines()[1:]]
    for row in table[:12]:
        first, second = vectors[TEXTS.index(row[1])], vectors[TEXTS.index(row[2])]
        assert float(first @ second) == pytest.approx(float(row[4]), abs=1e-5)
    with pytest.raises(UserError, match="was trained with --pooling=pooler, whose vectors only its export gives"):
        TextEncoder.from_run(str(place.directory / "pooler"))


def test_scores_are_learnt(place):
    assert place.prepare(train=SCORED, eval=SCORED) == 0
    assert place.run("model", "--mode=train_and_eval", "--num_train_epochs=20", "--learning_rate=0.005") == 0
    assert json.loads((place.directory / "model" / "eval_results.json").read_text())["spearman"] > 0.8


@pytest.mark.slow
def test_labels_are_learnt(place):
    rows = "".join(f"{a}\t{b}\t{'same' if a == b else 'other'}\n" for a in TEXTS for b in (*TEXTS[:2], a))
    assert place.prepare(train="premise\thypothesis\tlabel\n" + rows, eval="premise\thypothesis\tlabel\n" + rows) == 0
    assert place.run("model", "--mode=train_and_eval", "--num_train_epochs=20", "--learning_rate=0.005") == 0
    assert json.loads((place.directory / "model" / "eval_results.json").read_text())["accuracy"] > 0.9
    header, first = (place.directory / "model" / "eval_predictions.tsv").read_text().splitlines()[:2]
    assert header.split("\t") == ["id", "text_a", "text_b", "label", "prediction", "cosine"]
    assert first.split("\t")[3] in ("same", "other")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--gradient_accumulation_steps=2"], "--gradient_accumulation_steps=2 would divide the batch into 2 parts"),
        (["--micro_batch_size=4"], "--micro_batch_size=4 would divide the batch into 2 parts"),
        (["--objective=cosine"], "--objective=cosine needs scores, and the records hold pairs; use --objective=contrastive"),
        (["--objective=triplet"], "--objective=triplet needs a third text"),
        (["--pack_sequences"], "an example of this kind is more than one input"),
        (["--temperature=0"], "--temperature must be"),
        (["--best_metric=spearman"], "--best_metric=spearman is not computed for this task"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_cannot_be_is_refused(place, capsys, flags, message):
    pairs = "sentence1\tsentence2\n" + "".join(f"{text}\t{text}\n" for text in TEXTS)
    assert place.prepare(train=pairs, eval=pairs) == 0
    capsys.readouterr()
    assert place.run("model", "--mode=train", *flags) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("ERROR")]
    assert len(errors) == 1
    assert message in errors[0]


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({"train": "text\na\n", "eval": "text\na\nb\n"}, "--eval_file must hold pairs of texts"),
        ({"train": "sentence1\tsentence2\tscore\nbad\tgood\t1\ngood\tbad\t1\n"}, "all rows have the score 1"),
        ({"train": "premise\thypothesis\tlabel\nbad\tgood\tx\n"}, "all rows have the label 'x'"),
        ({"train": "sentence1\tsentence2\nbad\t\u200b\n"}, "train.tsv:2: a text has no token"),
    ],
    ids=["single texts", "one score", "one label", "no token"],
)
def test_records_that_would_be_of_no_use_are_not_made(place, capsys, contents, message):
    assert place.prepare(**contents) == 2
    assert message in capsys.readouterr().err
    assert not list(place.directory.glob("*.tf_record"))


@pytest.mark.slow
def test_two_devices_train_as_one(place):
    jobs = ("one", "two")
    root = pathlib.Path(__file__).resolve().parents[3]
    pairs = "sentence1\tsentence2\n" + "".join(f"{a}\t{b}\n" for a, b in zip(TEXTS * 2, TEXTS[1:] + TEXTS[:1] * 9))
    assert place.prepare(train=pairs) == 0
    config = json.loads(place.config_file.read_text())
    place.config_file.write_text(json.dumps(config | {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}))
    for name in jobs:
        flags = [f"--train_data_path={place.directory / 'train.tf_record'}", "--train_batch_size=4", "--seed=1", "--mode=train"]
        flags += [f"--input_meta_data_path={place.directory / 'meta_data.json'}", f"--bert_config_file={place.config_file}"]
        flags += [f"--model_dir={place.directory / name}", "--num_gpus=0", f"--num_logical_cpus={1 + jobs.index(name)}"]
        subprocess.run([sys.executable, root / "run_classifier.py", *flags], check=True, capture_output=True)
    losses = []
    for name in jobs:
        lines = map(json.loads, (place.directory / name / "training_history.jsonl").read_text().splitlines())
        losses.append([line["loss"] for line in lines if "loss" in line])
    assert losses[0]
    np.testing.assert_allclose(*losses, rtol=1e-4)
