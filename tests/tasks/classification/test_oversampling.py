"""How often rows are trained on, by their labels."""

import numpy as np
import pytest

from bert_tf2.errors import UserError
from bert_tf2.tasks.classification.options import OversamplingOptions
from bert_tf2.tasks.classification.oversampling import Oversampling

NAMES = ["a", "b", "c"]


def times(repeats, seed=0):
    return np.bincount(repeats.rows(np.random.default_rng(seed)), minlength=len(repeats.groups))


def test_balanced_labels_are_equally_frequent(caplog):
    caplog.set_level("INFO")
    labels = np.repeat([0, 1, 2], [3, 60, 11])
    repeats = Oversampling("balanced", NAMES).repeats(labels)
    counts = np.bincount(labels, weights=times(repeats))
    assert counts.tolist() == [60, 60, 60]
    assert caplog.messages == ["--oversample: an epoch has 180 examples, of 74 rows; those of 'a' (3) are in it 20 times"]
    # A label without rows asks for nothing.
    assert len(Oversampling("balanced", NAMES).repeats(np.array([0, 2, 2]))) == 4


def test_factors_of_a_list_and_of_a_file(tmp_path):
    labels = np.repeat([0, 1, 2], [4, 60, 10])
    (tmp_path / "factors.json").write_text('{"c": 1.25, "a": 3}')
    for given in ("a=3,c=1.25", str(tmp_path / "factors.json")):
        chosen = Oversampling(given, NAMES)
        assert chosen.identity() == {"oversample": {"a": 3.0, "c": 1.25}}
        found = times(chosen.repeats(labels))
        assert found[:4].tolist() == [3] * 4
        assert set(found[4:64]) == {1}
        # imbalanced-learn's and LVIS's rounding too: 12.5 of 10 rows, to the even one.
        assert found[64:].sum() == 12
    assert Oversampling("Balanced", NAMES).identity() == {"oversample": "balanced"}


def test_of_several_labels_the_greatest_factor_counts():
    rows = np.array([[1, 0, 0], [0, 1, 1], [0, 0, 0], [0, 1, 0]] * 5)
    found = times(Oversampling("b=2,c=4", NAMES).repeats(rows))
    assert found.reshape(5, 4).tolist() == [[1, 4, 1, 2]] * 5
    # Balanced: b is there 10 times, a and c 5 times.
    assert len(Oversampling("balanced", NAMES).repeats(rows)) == 5 * (2 + 2 + 1 + 1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("d=2", "--oversample=d=2: there is no label 'd'"),
        ("a=0.5", "--oversample=a=0.5: the factor of 'a' must be a number of at least 1; got 0.5"),
        ("a=-2", "the factor of 'a' must be a number of at least 1; got -2"),
        ("a=2,a=3", "names 'a' twice"),
    ],
)
def test_wrong_factors_are_refused(given, message):
    with pytest.raises(UserError) as error:
        Oversampling(given, NAMES)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_value_that_is_none():
    with pytest.raises(UserError, match="--oversample must be balanced, a file"):
        OversamplingOptions(oversample="blanced")
