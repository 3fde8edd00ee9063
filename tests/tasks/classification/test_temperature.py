"""Temperature scaling: the number is SciPy's, and whatever gives probabilities uses it."""

import numpy as np
import pytest
import scipy.optimize
import scipy.special
import tensorflow as tf

from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.exporting.exported_model import ExportedModel
from bert_tf2.tasks.base import ExampleSet
from bert_tf2.tasks.classification.outputs import softmax
from bert_tf2.tasks.classification.task import ClassificationTask
from bert_tf2.tasks.classification.temperature import best_temperature

NAMES = ["a", "b", "c"]


def drawn(number: int, sharper: float) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from them before they were made sharper."""
    rng = np.random.default_rng(3)
    logits = rng.normal(scale=2, size=(number, 3)).astype(np.float32)
    gold = (softmax(logits).cumsum(axis=1) > rng.random((number, 1))).argmax(axis=1)
    return logits * sharper, gold


def fitted(sharper: float = 3.0):
    logits, gold = drawn(4000, sharper)
    task = ClassificationTask(NAMES, fits_temperature=True)
    outcome = {"logits": logits, "label_ids": gold, "example_id": np.arange(len(gold))}
    records = RecordSet.in_memory([], task.features, "eval")
    return task, outcome, task.tune(outcome, ExampleSet("eval", records, origin="eval.tf_record"))


@pytest.mark.parametrize("sharper", [0.3, 1.0, 3.0])
def test_the_number_is_that_of_a_general_minimiser(sharper):
    logits, gold = drawn(4000, sharper)

    def loss(logarithm: float) -> float:
        return -scipy.special.log_softmax(logits.astype(np.float64) / np.exp(logarithm), axis=1)[np.arange(4000), gold].mean()

    found = scipy.optimize.minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-9})
    assert best_temperature(logits, gold) == pytest.approx(np.exp(found.x), rel=1e-4)
    # Labels were drawn with temperature 1, and so it is what the logits were multiplied by.
    assert best_temperature(logits, gold) == pytest.approx(sharper, rel=0.06)


@pytest.mark.parametrize("right", [True, False])
def test_where_there_is_no_best_one_nothing_changes(right, caplog):
    gold = np.arange(10) % 2
    logits = np.eye(2)[gold if right else 1 - gold]
    assert best_temperature(logits, gold) == 1.0
    assert "--fit_temperature: no temperature from 0.05 to 20 is the best for these 10 examples" in caplog.text


def test_what_is_found_and_kept():
    task, outcome, kept = fitted()
    assert task.temperature == kept["value"] == best_temperature(outcome["logits"], outcome["label_ids"])
    assert kept["loss_with"] < kept["loss_without"]
    assert kept["expected_calibration_error_with"] < 0.03 < 0.1 < kept["expected_calibration_error_without"]
    assert kept["found_on"] == "eval.tf_record"
    plain = ClassificationTask(NAMES)
    assert plain.tuning is None
    assert plain.readable_predictions(outcome["logits"]) == task.readable_predictions(outcome["logits"])
    assert plain.scores(outcome) == task.scores(outcome)
    plain.use_tuned(kept["value"])
    np.testing.assert_array_equal(plain.probabilities(outcome["logits"]), task.probabilities(outcome["logits"]))
    for wrong in (0, -1, float("nan"), "x", None):
        with pytest.raises((ValueError, TypeError)):
            plain.use_tuned(wrong)


def test_exports_use_it():
    task, outcome, kept = fitted()
    logits = outcome["logits"][:5]
    expected = scipy.special.softmax(logits.astype(np.float64) / kept["value"], axis=1)
    np.testing.assert_allclose(task.readable_outputs(tf.constant(logits))["probabilities"], expected, atol=1e-6)
    exported = object.__new__(ExportedModel)
    exported.facts = {"labels": NAMES, "temperature": kept["value"]}
    exported.of_texts = lambda text, second=None: {"sentence_prediction": logits[0]}
    np.testing.assert_allclose(list(exported.classify("x")["probabilities"].values()), expected[0], atol=1e-12)
