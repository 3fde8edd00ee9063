"""The classifier as an object: the commands' training, evaluation and export on lists, data sets and files."""

import json
import logging
import random

import pytest
import tensorflow as tf

from bert_tf2.api import Classifier, TextClassifier
from bert_tf2.errors import UserError


def rows(number: int, seed: int) -> tuple[list[str], list[str]]:
    """Texts and labels: the label says which of two words a text holds."""
    chosen = random.Random(seed)
    texts, labels = [], []
    for _ in range(number):
        label = chosen.choice(["negative", "positive"])
        words = ["the", "movie", "was"] + ["very"] * chosen.randrange(8) + ["bad" if label == "negative" else "good"]
        chosen.shuffle(words)
        texts.append(" ".join(words))
        labels.append(label)
    return texts, labels


TRAIN, EVAL, MORE = rows(150, 0), rows(41, 1), rows(23, 2)


@pytest.fixture
def settings(tmp_path, tiny_vocab_file, tiny_config_dict):
    """What every training here is told."""
    config = tmp_path / "bert_config.json"
    config.write_text(json.dumps(tiny_config_dict | {"initializer_range": 0.2, "hidden_dropout_prob": 0.0}))
    return {
        "model_dir": tmp_path / "model",
        "bert_config_file": config,
        "vocab_file": tiny_vocab_file,
        "num_train_epochs": 3,
        "learning_rate": 0.01,
        "train_batch_size": 16,
        "max_seq_length": 32,
        "num_gpus": 0,
        "seed": 1,
    }


def written(settings) -> dict:
    return json.loads((settings["model_dir"] / "eval_results.json").read_text())


def test_from_lists_to_scores_and_an_export(settings, tmp_path, capsys):
    # What is of the training alone does not stand in the way of what follows.
    classifier = Classifier.train(TRAIN, EVAL, **settings, label_smoothing=0.05)
    assert "step 30/30" in capsys.readouterr().err
    assert classifier.labels == ["negative", "positive"]
    assert classifier.scores["accuracy"] > 0.9
    assert classifier.scores.items() <= written(settings).items()
    assert classifier.training.final_step == 30
    # Another set gets scores of its own, and so does the same one in another form or another object.
    scores = classifier.evaluate(MORE)
    assert scores.items() <= written(settings).items()
    (tmp_path / "more.jsonl").write_text("".join(json.dumps({"text": t, "label": y}) + "\n" for t, y in zip(*MORE)))
    opened = Classifier.from_run(settings["model_dir"], num_gpus=0)
    assert opened.labels == classifier.labels
    assert opened.evaluate(tmp_path / "more.jsonl") == pytest.approx(scores)
    # A label need not occur, but must be known.
    assert opened.evaluate(tf.data.Dataset.from_tensor_slices((["good movie"] * 2, ["positive"] * 2)))["accuracy"] in (0, 0.5, 1)
    with pytest.raises(UserError, match=r"num_seeds=3 is for run_classifier\.py, and this gives one model"):
        Classifier.train(TRAIN, num_seeds=3, **settings)
    with pytest.raises(UserError, match=r"eval: labels\[1\] is 'neutral', which is none of the labels: negative, positive"):
        opened.evaluate((["good", "movie"], ["positive", "neutral"]))
    predictions = opened.predict(MORE[0])
    assert sum(one.label == gold for one, gold in zip(predictions, MORE[1])) / 23 == pytest.approx(scores["accuracy"])
    first = predictions[0]
    assert list(first.probabilities) == classifier.labels
    assert sum(first.probabilities.values()) == pytest.approx(1)
    with pytest.raises(
        UserError, match=r"texts\[0\] is a pair of texts, but the model was trained on single texts; give one text"
    ):
        opened.predict([("the movie", "was good")])
    with pytest.raises(UserError, match="is a pair of texts, but the model was trained on single texts"):
        opened.evaluate(([("the movie", "was good")], ["positive"]))
    with pytest.raises(UserError, match="train holds pairs of texts, eval holds single texts; give all alike"):
        Classifier.train(([("a", "b"), ("c", "d")], ["positive", "negative"]), (["a"], ["negative"]), **settings)
    with pytest.raises(UserError, match=r"texts\[1\]: empty text"):
        opened.predict(["good", ""])
    for texts, message in (("one text", "texts must be a list of strings"), (["good", None], r"texts\[1\] must be a string")):
        with pytest.raises(UserError, match=message):
            opened.predict(texts)


@pytest.mark.slow
def test_an_export_predicts_the_same(settings, tmp_path):
    classifier = Classifier.train(TRAIN, **settings)
    classifier.export(tmp_path / "export")
    exported = TextClassifier.load(str(tmp_path / "export_text")).predict_all(MORE[0])
    for one, other in zip(exported, classifier.predict(MORE[0])):
        assert one.label == other.label
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)
    with pytest.raises(UserError, match="export"):
        classifier.export(tmp_path / "export")


def test_the_same_training_as_from_files(settings, tmp_path):
    """Lists, data sets and files give the same records, so the same bits."""
    for split, (texts, labels) in (("train", TRAIN), ("eval", EVAL)):
        (tmp_path / f"{split}.tsv").write_text("text\tlabel\n" + "".join(f"{t}\t{y}\n" for t, y in zip(texts, labels)))
    settings |= {"num_train_epochs": 1, "deterministic": True}
    losses = []
    for number, form in enumerate(
        (
            lambda _, data: data,
            lambda _, data: tf.data.Dataset.from_tensor_slices(data).batch(4),
            lambda split, _: str(tmp_path / f"{split}.tsv"),
        )
    ):
        settings["model_dir"] = tmp_path / f"model{number}"
        losses.append(Classifier.train(form("train", TRAIN), form("eval", EVAL), **settings).scores["loss"])
    assert losses[0] == losses[1] == losses[2]


def test_pairs_regression_and_bad_rows(settings, capsys):
    texts = [(text, "movie" if number else " ") for number, text in enumerate(TRAIN[0])]
    texts[7] = ("", "")
    numbers = [len(first.split()) / 10 for first, _ in texts]
    settings |= {"fine_tuning_task_type": "regression", "num_train_epochs": 1}
    with pytest.raises(UserError, match=r"train\[7\]'?: empty text \(--on_bad_row=skip"):
        Classifier.train((texts, numbers), **settings)
    assert not settings["model_dir"].exists()
    classifier = Classifier.train((texts, numbers), on_bad_row="skip", **settings)
    assert classifier.labels == []
    assert classifier.scores == {}
    listed = settings["model_dir"] / "train.rejects.jsonl"
    assert f"train: the elements that were left out are listed in {listed}" in capsys.readouterr().err
    assert [json.loads(line)["example"] for line in listed.read_text().splitlines()] == ["example 'train[7]'"]
    opened = Classifier.from_run(settings["model_dir"], num_gpus=0)
    assert {"pearson", "loss"} <= set(opened.evaluate((texts[8:30], numbers[8:30])))


def test_a_label_named_twice(settings):
    with pytest.raises(UserError, match="labels names 'pos' twice"):
        Classifier.train(TRAIN, labels=["pos", "neg", "pos"], **settings)


def test_labels_in_an_order_of_the_callers(settings):
    settings["num_train_epochs"] = 1
    assert Classifier.train(TRAIN, labels=["positive", "neutral", "negative"], **settings).labels[1] == "neutral"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_train_epocs": 3}, "unknown option 'num_train_epocs'. Did you mean 'num_train_epochs'?"),
        ({"num_train_epochs": -1}, "--num_train_epochs must be greater than 0; got -1"),
        ({"train_batch_size": "16"}, "--train_batch_size must be a whole number; got '16'"),
        ({"max_seq_length": 2}, "--max_seq_length must be at least 3; got 2"),
        ({"mode": "train"}, "--mode is for the command"),
        ({"task_name": "MRPC"}, "--task_name is for the command"),
        ({"text_column": "text"}, "--text_column tells of a file's columns"),
        ({"labels": "positive"}, "labels must be a list of names; got 'positive'"),
        ({"fine_tuning_task_type": "squad"}, "--fine_tuning_task_type=squad is not a Classifier's"),
        ({"bert_config_file": None}, "--bert_config_file is required"),
        ({"bert_config_file": "nowhere.json"}, "--bert_config_file: no such file: nowhere.json"),
        ({"vocab_file": None}, "needs --vocab_file"),
        ({"early_stopping_patience": 2, "eval": None}, "need evaluation data"),
        ({"eval": "eval.tsv"}, "give train and eval alike"),
        ({"eval": (["good"], ["positive", "negative"])}, "eval: 1 texts but 2 labels"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_made(settings, changes, message):
    with pytest.raises(UserError) as caught:
        Classifier.train(TRAIN, **(settings | {"eval": EVAL} | changes))
    assert message in str(caught.value)
    assert not settings["model_dir"].exists()


def test_a_directory_without_a_run(tmp_path):
    with pytest.raises(UserError, match=r"holds no meta_data\.json, which a training leaves there; train first"):
        Classifier.from_run(tmp_path)
    (tmp_path / "meta_data.json").write_text('{"task_type": "bert_squad", "max_seq_length": 9, "train_data_size": 1}')
    with pytest.raises(UserError, match=r"is of bert_squad; a Classifier takes bert_classification, .*, bert_multi_label"):
        Classifier.from_run(tmp_path)


def test_nothing_is_left_in_the_logging_of_the_program(settings):
    logger = logging.getLogger("bert_tf2")
    Classifier.train(TRAIN, **settings | {"num_train_epochs": 1})
    assert (logger.handlers, logger.level, logger.propagate) == ([], logging.NOTSET, True)
