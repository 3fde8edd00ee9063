"""Which layers learn from which."""

import pytest

from bert_tf2.errors import UserError
from bert_tf2.models.layer_numbers import chosen_layers
from bert_tf2.training.distillation.layer_map import layer_map, spread_layers


@pytest.mark.parametrize(
    ("wanted", "student", "teacher", "expected"),
    [
        # TinyBERT's: layer m of 4, counted from 1, from layer 3m of 12.
        ("uniform", 4, 12, [2, 5, 8, 11]),
        ("uniform", 3, 6, [1, 3, 5]),
        ("uniform", 4, 6, [0, 2, 3, 5]),
        ("last", 2, 6, [4, 5]),
        ("uniform", 3, 3, [0, 1, 2]),
    ],
)
def test_maps_of_all_layers(wanted, student, teacher, expected):
    assert layer_map(wanted, student, teacher) == tuple(enumerate(expected))


def test_pairs():
    assert layer_map("0:1, 1:3", 2, 4) == ((0, 1), (1, 3))
    assert layer_map("2:0", 3, 1) == ((2, 0),)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("0:6", "no layer 6 in the teacher, whose 6 are counted from 0 to 5"),
        ("3:1", "no layer 3 in the student"),
        ("0:1,0:2", "names layer 0 of the student twice"),
        ("0-1", "such as 0:1,1:3; got 0-1"),
        ("-1:2", "such as 0:1,1:3"),
        ("", "such as 0:1,1:3"),
    ],
)
def test_maps_that_do_not_fit(wanted, message):
    with pytest.raises(UserError, match=message):
        layer_map(wanted, 3, 6)


@pytest.mark.parametrize("wanted", ["last", "uniform"])
def test_a_student_with_more_layers_needs_pairs(wanted):
    with pytest.raises(UserError, match=r"student has 4 layers, the teacher only 2; name pairs, such as --layer_map=0:0,3:1"):
        layer_map(wanted, 4, 2)


def test_layers_of_a_student():
    assert chosen_layers("student_layers", "0,2, 4", "the teacher", 6) == (0, 2, 4)
    # Those that DistilBERT was made of.
    assert spread_layers(6, 12) == (0, 2, 4, 7, 9, 11)
    assert spread_layers(3, 6) == (0, 2, 5)
    assert spread_layers(1, 6) == (0,)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [("0,6", "no layer 6"), ("2,0", "the lowest first"), ("1,1", "each layer once"), ("a", "such as 0,2,4")],
)
def test_layers_that_there_are_not(wanted, message):
    with pytest.raises(UserError, match=message):
        chosen_layers("student_layers", wanted, "the teacher", 6)
    with pytest.raises(UserError, match="has only 6 layers"):
        spread_layers(7, 6)
