"""The task of any number of labels: loss against Keras, scores against scikit-learn, thresholds that are found and kept."""

import json

import numpy as np
import pytest
import sklearn.metrics
import tensorflow as tf
import tf_keras

from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.errors import UserError
from bert_tf2.tasks.base import ExampleSet
from bert_tf2.tasks.classification.multi_label_task import METRICS, MultiLabelTask
from bert_tf2.tasks.classification.reading.label_sets import labels_in

NAMES = ["joy", "love", "fear", "sad, very"]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning", "ignore:No positive class found")


def outcome(seed=0, rows=80):
    rng = np.random.default_rng(seed)
    gold = (rng.random((rows, 4)) < np.array([0.4, 0.2, 0.1, 0.05])).astype(np.int32)
    logits = (2 * gold - 1.5 + rng.normal(size=gold.shape)).astype(np.float32)
    return {"logits": logits, "label_ids": gold, "example_id": np.arange(rows)}


def examples(name="eval"):
    return ExampleSet(name, RecordSet.in_memory([], MultiLabelTask(NAMES).features, "nothing"))


def test_the_loss_is_kerass_and_the_same_however_the_batch_is_divided():
    found = outcome(rows=6)
    batch = {"label_ids": tf.constant(found["label_ids"]), "example_weight": tf.constant([1.0, 1.0, 0.5, 1.0, 1.0, 0.0])}
    task = MultiLabelTask(NAMES)
    whole = task.loss(found["logits"], batch, task.loss_denominators(batch))
    keras = tf_keras.losses.BinaryCrossentropy(from_logits=True, reduction="none")(batch["label_ids"], found["logits"])
    assert float(whole) == pytest.approx(np.average(keras, weights=batch["example_weight"].numpy()), rel=1e-6)
    parts = [{name: value[start : start + 2] for name, value in batch.items()} for start in (0, 2, 4)]
    denominator = {"example_weight": sum(task.loss_denominators(part)["example_weight"] for part in parts)}
    shares = [task.loss(found["logits"][2 * i : 2 * i + 2], part, denominator) for i, part in enumerate(parts)]
    assert float(sum(shares)) == pytest.approx(float(whole), rel=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_scores_are_scikit_learns(seed):
    found, task = outcome(seed), MultiLabelTask(NAMES)
    scores = task.scores(found)
    gold, probabilities = found["label_ids"], 1 / (1 + np.exp(-found["logits"].astype(float)))
    chosen = probabilities >= 0.5
    for average in ("micro", "macro", "weighted"):
        for name, value in zip(
            ("precision", "recall", "f1"),
            sklearn.metrics.precision_recall_fscore_support(gold, chosen, average=average, zero_division=0),
        ):
            assert scores[f"{average}_{name}"] == pytest.approx(value)
    assert scores["exact_match"] == pytest.approx(sklearn.metrics.accuracy_score(gold, chosen))
    assert scores["average_precision"] == pytest.approx(sklearn.metrics.average_precision_score(gold, probabilities))
    losses = [sklearn.metrics.log_loss(gold[:, label], probabilities[:, label], labels=[0, 1]) for label in range(4)]
    assert scores["loss"] == pytest.approx(np.mean(losses), rel=1e-6)
    assert scores["support/joy"] == gold[:, 0].sum()
    batch = {"label_ids": tf.constant(gold), "example_weight": tf.ones(len(gold))}
    assert scores["loss"] == pytest.approx(float(task.loss(found["logits"], batch, task.loss_denominators(batch))), rel=1e-5)


def test_probabilities_of_extreme_logits_are_numbers():
    logits = np.array([[-1e4, 1e4, 0.0, -80.0]], np.float32)
    task = MultiLabelTask(NAMES)
    with np.errstate(all="raise", under="ignore"):
        assert task.probabilities(logits)[0, :3].tolist() == [0.0, 1.0, 0.5]
    scores = task.scores({"logits": logits, "label_ids": np.array([[1, 0, 0, 0]])})
    assert np.isfinite(scores["loss"])


@pytest.mark.parametrize(("rule", "kind"), [("auto", float), ("per_label", dict)])
def test_thresholds_are_found_kept_and_used(rule, kind):
    found, task = outcome(), MultiLabelTask(NAMES, threshold=rule)
    assert task.tuning.flag == f"--label_threshold={rule}"
    # While nothing is settled each evaluation is scored at its best, so that the best checkpoint can be chosen by that.
    while_training = task.scores(found)
    assert while_training == task.scores(found)
    kept = json.loads(json.dumps(task.tune(found, examples())))
    assert isinstance(kept["value"], kind)
    assert kept["found_on"] == "eval"
    assert task.scores(found) == while_training
    usual = MultiLabelTask(NAMES).scores(found)
    better = "micro_f1" if rule == "auto" else "macro_f1"
    assert while_training[better] > usual[better]
    assert kept[better] == while_training[better]
    later = MultiLabelTask(NAMES, threshold=rule)
    later.use_tuned(kept["value"])
    assert later.scores(outcome(1)) == task.scores(outcome(1))
    for wrong in ({"joy": 0.5}, "much", float("nan"), [0.5]):
        with pytest.raises((ValueError, TypeError)):
            later.use_tuned(wrong)


def test_a_number_is_the_threshold_of_all_labels():
    task = MultiLabelTask(NAMES, threshold="0.3")
    assert task.tuning is None
    assert task.thresholds.tolist() == [0.3] * 4


def test_predictions_name_the_chosen_labels(tmp_path):
    task = MultiLabelTask(NAMES)
    logits = np.array([[1.0, -1, -1, 1], [-1, -1, -1, -1], [0, -1, -1, -1]], np.float32)
    names = task.readable_predictions(logits)
    # A comma is in a name, so it stands between none.
    assert names == ["joy;sad, very", "", "joy"]
    assert [labels_in(name, ";")[0] for name in names] == [("joy", "sad, very"), (), ("joy",)]
    found = {"logits": logits, "label_ids": np.eye(4, dtype=int)[:3], "example_id": np.array([7, 8, 9])}
    task.write_predictions(str(tmp_path), found, examples("test"))
    header, first, second, _ = (tmp_path / "predictions.tsv").read_text().splitlines()
    assert header.split("\t") == ["id", "label", "prediction", *(f"probability_{name}" for name in NAMES)]
    assert first.split("\t")[:4] == ["7", "joy", "joy;sad, very", "0.731059"]
    assert second.split("\t")[:3] == ["8", "love", ""]
    results = (tmp_path / "test_results.tsv").read_text().splitlines()
    assert [float(cell) for cell in results[0].split("\t")] == pytest.approx(1 / (1 + np.exp(-logits[0])))


def test_report_and_its_picture(tmp_path):
    task = MultiLabelTask(NAMES)
    report = task.report(str(tmp_path), outcome(), examples())
    assert [heading for heading, _ in report.sections] == ["Labels", "Labels of a text", "Worst errors"]
    assert (tmp_path / "label_scores.png").read_bytes().startswith(b"\x89PNG")


def test_the_export_answers_with_names_and_the_choice():
    task = MultiLabelTask(NAMES, threshold=0.6)
    outputs = task.readable_outputs(tf.constant([[0.0, 1.0, -1.0, 3.0]]))
    assert outputs["chosen"].numpy().tolist() == [[False, True, False, True]]
    assert outputs["labels"].numpy().tolist() == [[name.encode() for name in NAMES]]
    assert task.readable_outputs(tf.zeros([0, 4]))["labels"].shape == (0, 4)


def test_labels_that_never_occur_are_told_once(caplog):
    task, found = MultiLabelTask(NAMES), outcome()
    found["label_ids"][:, 2:] = 0
    task.scores(found)
    task.scores(found)
    assert caplog.text.count("no example has the label 'fear' (and 1 more)") == 1


def test_wrong_settings_are_refused_in_one_line():
    with pytest.raises(UserError, match="at least 2 labels"):
        MultiLabelTask(["only"])
    with pytest.raises(UserError, match="Did you mean 'micro_f1'"):
        MultiLabelTask(NAMES, best_metric="micro_f")
    with pytest.raises(UserError, match="Did you mean 'f1/joy'"):
        MultiLabelTask(NAMES, best_metric="f1/jo")
    assert MultiLabelTask(NAMES).best_metric == METRICS[0]
    assert MultiLabelTask(NAMES, best_metric="recall/fear").best_metric == "recall/fear"


def test_labels_of_records_are_0_or_1_for_each_label():
    task = MultiLabelTask(NAMES)
    assert task.wrong_labels(np.array([[0, 1, 1, 0], [0, 2, 0, 0], [0, -1, 0, 0]])).tolist() == [False, True, True]
    assert task.wrong_labels(np.zeros((2, 3))).all()
