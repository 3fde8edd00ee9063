"""Kinds of task by name: what is registered, what is refused, what metadata are looked up by."""

import pytest

from bert_tf2.errors import UserError
from bert_tf2.tasks.kind import Kind, Kinds


@pytest.fixture
def kinds():
    return Kinds()


def test_a_class_is_registered_as_an_instance_that_knows_its_name(kinds):
    @kinds.register("reading")
    class Reading(Kind):
        task_type = "bert_reading"

    assert isinstance(kinds.get("Reading"), Reading)
    assert kinds.get("reading").name == "reading"
    assert isinstance(Reading, type)


def test_what_is_no_kind_is_refused(kinds):
    with pytest.raises(UserError, match=r"the kind of task 'mine' must be a subclass of bert_tf2\.tasks\.kind\.Kind"):
        kinds.register("mine")(dict)


def test_a_kind_without_a_task_type_is_refused(kinds):
    with pytest.raises(UserError, match="with a task_type, such as 'bert_mine'"):
        kinds.register("mine")(type("Mine", (Kind,), {}))


def test_an_unknown_kind_is_told_with_the_nearest(kinds):
    kinds.register("reading")(type("Reading", (Kind,), {"task_type": "bert_reading"}))
    with pytest.raises(UserError, match=r"unknown kind of task 'readin'\. Did you mean 'reading'\?.*--module_import"):
        kinds.get("readin")
