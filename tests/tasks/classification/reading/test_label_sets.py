"""Several labels for a text in the forms that files have them in."""

import pytest

from bert_tf2.errors import UserError
from bert_tf2.tasks.classification.reading.label_sets import (
    find_separator,
    is_chosen,
    is_list,
    labels_in,
    require_separator,
    separator_of,
)


@pytest.mark.parametrize(
    ("value", "separator", "expected"),
    [
        ("3,14", ",", ("3", "14")),
        (" joy ; love;joy", ";", ("joy", "love")),
        ("very good", "", ("very good",)),
        ("very good", " ", ("very", "good")),
        ("a,b", "|", ("a,b",)),
        ("", ",", ()),
        ("  ", ",", ()),
        (None, ",", ()),
        ([], ",", ()),
        ("[]", ",", ()),
        (["a", "b "], "", ("a", "b")),
        (["a, b"], ",", ("a, b",)),
        ([3, True], ",", ("3", "true")),
        ('["a", "b"]', ",", ("a", "b")),
        (" ['a', 'b'] ", ",", ("a", "b")),
        ("[3, 14]", "", ("3", "14")),
        (7, ",", ("7",)),
    ],
)
def test_labels_of_every_form(value, separator, expected):
    assert labels_in(value, separator) == (expected, None)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("a,,b", "a label between separators is empty"),
        ("a,b,", "a label between separators is empty"),
        (["a", ""], "a label between separators is empty"),
        ('["a", "b"', 'the labels \'["a", "b"\' are no list, as ["a", "b"]'),
        ("[a, b]", 'the labels \'[a, b]\' are no list, as ["a", "b"]'),
        ("[" * 50 + "]", None),
        (["a", None], "a label must be a name or a whole number; got 'None'"),
        ([["a"]], "a label must be a name or a whole number; got \"['a']\""),
        ([0.5], "a label must be a name or a whole number; got '0.5'"),
        ({"a": 1}, "a label must be a name or a whole number; got \"{'a': 1}\""),
    ],
)
def test_what_is_no_label_is_told(value, complaint):
    found = labels_in(value, ",")[1]
    assert found == complaint if complaint else "are no list" in found


def test_a_list_of_python_is_data_and_no_program():
    assert "are no list" in labels_in("[__import__('os').getcwd()]", ",")[1]


@pytest.mark.parametrize("value", ["1", 1, "1.0", 1.0, True, "True", " 1 "])
def test_a_column_says_yes(value):
    assert is_chosen(value, "toxic") == (True, None)


@pytest.mark.parametrize("value", ["0", 0, "0.0", 0.0, False, "FALSE"])
def test_a_column_says_no(value):
    assert is_chosen(value, "toxic") == (False, None)


@pytest.mark.parametrize(
    ("value", "said"), [("-1", "got '-1'"), (0.4, "got '0.4'"), ("yes", "got 'yes'"), ("", "is empty"), (None, "is empty")]
)
def test_a_column_says_neither(value, said):
    chosen, complaint = is_chosen(value, "toxic")
    assert not chosen
    assert "the label column 'toxic'" in complaint
    assert said in complaint


def test_a_separator_is_found_where_every_part_is_a_label():
    assert find_separator({"joy", "love", "joy,love", ""}) == ","
    assert find_separator({"joy", "love", "joy; love"}) == ";"
    assert find_separator({"0", "27", "0|27"}) == "|"
    # A name with a comma is a name.
    assert find_separator({"Paris, Texas", "Paris", "London"}) is None
    assert find_separator({"a", "b"}) is None
    assert find_separator(set()) is None
    assert find_separator({"a", "b", "a,b", "a;b"}) is None


def test_a_separator_is_needed_where_several_signs_occur():
    assert require_separator("f", {"joy,love", "fear"}) == ","
    assert require_separator("f", {"joy", "fear"}) == ""
    with pytest.raises(UserError, match=r"f: which sign separates the labels.*--label_separator=comma or --label_separator=pipe"):
        require_separator("f", {"a,b", "a|b"})


def test_a_separator_is_named_or_given():
    assert [separator_of(given) for given in ("", "comma", "PIPE", "space", ";", "/")] == ["", ",", "|", " ", ";", "/"]
    for wrong in ("::", "[", '"', "\n"):
        with pytest.raises(UserError, match="--label_separator must be one character"):
            separator_of(wrong)


def test_a_list_is_known_by_its_brackets():
    assert is_list(["a"])
    assert is_list("['a']")
    assert is_list(" [] ")
    assert not is_list("a]")
    assert not is_list("[")
    assert not is_list(3)
