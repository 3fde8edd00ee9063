"""Options check themselves when they are made: every option of every job, in Python as on the command line."""

import copy
import dataclasses
import math
import pathlib
import pickle
import runpy
import types
import typing

import numpy as np
import pytest

from bert_tf2 import cli
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions
from bert_tf2.jobs.preparation.options import FinetuningDataOptions
from bert_tf2.options import Options, info, value_type

_PAGE = runpy.run_path(str(pathlib.Path(__file__).resolve().parents[1] / "docs" / "make_flags.py"))
JOBS = [job.whole() for job in _PAGE["COMMANDS"].values()]
EVERY_OPTION = [pytest.param(job, field, id=f"{job.__name__}-{field.name}") for job in JOBS for field in dataclasses.fields(job)]


def those(wanted):
    """The options for which `wanted` says so."""
    return [option for option in EVERY_OPTION if wanted(*option.values)]


def refusal(make, *arguments, **values) -> str:
    with pytest.raises(UserError) as caught:
        make(*arguments, **values)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.__name__)
def test_the_defaults_are_right_and_every_job_checks(job):
    assert issubclass(job, Options)
    assert job() == cli.parse(job, ["command"])


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.__name__)
def test_an_option_that_no_job_has_is_refused_with_the_nearest(job):
    name = dataclasses.fields(job)[0].name
    said = refusal(job, **{f"{name}s": 3})
    assert said.startswith(f"unknown option '{name}s'. Did you mean '{name}'?")
    assert job.__name__ in said
    assert said == refusal(dataclasses.replace, job(), **{f"{name}s": 3})
    assert copy.copy(job()) == pickle.loads(pickle.dumps(job())) == job()


def test_a_near_miss_in_python():
    assert "Did you mean 'n_best_size'?" in refusal(SquadOptions, do_train=True, n_best=3)


@pytest.mark.parametrize(("job", "field"), those(lambda _, field: info(field).check is not None))
def test_a_value_out_of_range_is_refused_in_python_as_on_the_command_line(job, field):
    kind = value_type(job, field)
    # Some value of this kind must be wrong, or the check checks nothing.
    wrong = [value for value in map(kind, (-(2**40), -1, 0, 2)) if info(field).check(value)]
    assert wrong
    for value in wrong:
        message = refusal(job, **{field.name: value})
        assert message.startswith(f"--{field.name} ")
        assert message.endswith(f"; got {value}")
        assert message == refusal(cli.parse, job, ["command", f"--{field.name}={value}"])


@pytest.mark.parametrize(
    ("job", "field"), those(lambda job, field: info(field).check is not None and value_type(job, field) is float)
)
def test_a_number_must_be_finite(job, field):
    assert f"--{field.name} must be" in refusal(job, **{field.name: math.nan})
    assert f"--{field.name} must be" in refusal(job, **{field.name: math.inf})


@pytest.mark.parametrize(("job", "field"), those(lambda _, field: bool(info(field).choices)))
def test_choices_are_checked_and_kept_in_their_canonical_spelling(job, field):
    for choice in info(field).choices:
        assert getattr(job(**{field.name: choice.upper()}), field.name) == choice
    message = refusal(job, **{field.name: choice + "n"})
    assert f"--{field.name} must be one of" in message
    assert f"Did you mean '{choice}'?" in message


@pytest.mark.parametrize(("job", "field"), those(lambda _, field: info(field).refused_because is None))
def test_a_value_of_the_wrong_type_is_refused(job, field):
    hint = typing.get_type_hints(job)[field.name]
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    wrong = {
        int: ("32", 1.5, True, [1]),
        float: ("0.1", True, [0.1], 1j),
        bool: ("true", 1, 0.0),
        str: (b"text", ["text"], True, {}),
        tuple[str, ...]: (3, [3], [b"a"], [["a"]]),
    }[kinds[0]]
    if types.NoneType not in kinds:
        wrong += (None,)
    for value in wrong:
        message = refusal(job, **{field.name: value})
        assert message.startswith(f"--{field.name} must be ")
        assert "; got " in message


@pytest.mark.parametrize(("job", "field"), those(lambda _, field: info(field).refused_because is not None))
def test_a_refused_option_is_refused(job, field):
    other = not field.default if isinstance(field.default, bool) else "something"
    if other in info(field).also_accepted:
        assert getattr(job(**{field.name: other}), field.name) == other
    else:
        assert refusal(job, **{field.name: other}) == f"--{field.name}={other} is refused: {info(field).refused_because}"


def test_values_of_kindred_types_become_the_options_own(tmp_path):
    mine = tmp_path / "mine.py"
    mine.touch()
    options = ClassifierOptions(
        model_dir=pathlib.Path("run") / "model",
        train_batch_size=np.int64(8),
        learning_rate=np.float32(0.5),
        num_train_epochs=3,
        do_train=np.bool_(True),
        module_import=[mine, "json"],
        loss_scale=128,
    )
    found = {name: getattr(options, name) for name in ("model_dir", "train_batch_size", "learning_rate", "do_train")}
    assert found == {"model_dir": "run/model", "train_batch_size": 8, "learning_rate": 0.5, "do_train": True}
    assert [type(value) for value in found.values()] == [str, int, float, bool]
    assert type(options.num_train_epochs) is float
    assert (options.module_import, options.loss_scale) == ((str(mine), "json"), "128")
    assert ClassifierOptions(module_import=str(mine)).module_import == (str(mine),)
    assert FinetuningDataOptions(text_column=0).text_column == "0"
    assert SquadOptions(null_score_diff_threshold=-1.5).threshold == -1.5


def test_options_stay_as_they_were_checked():
    options = ClassifierOptions(mode="TRAIN")
    assert options == ClassifierOptions(mode="train")
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.mode = "trian"
    assert "Did you mean 'train'?" in refusal(dataclasses.replace, options, mode="trian")


def test_what_options_must_agree_in_is_checked_before_the_job_starts(tmp_path):
    model_dir = tmp_path / "model"
    assert "--bert_config_file, " in refusal(run_classifier, ClassifierOptions(mode="train", model_dir=model_dir))
    options = ClassifierOptions(mode="train", model_dir=model_dir, loss_scale=8, bert_config_file="c", input_meta_data_path="m")
    assert "--train_data_path is required" in refusal(run_classifier, options)
    options = dataclasses.replace(options, train_data_path="records")
    assert refusal(run_classifier, options).startswith("--loss_scale=8 can do nothing with --dtype=fp32")
    assert not model_dir.exists()


@pytest.mark.parametrize(
    ("job", "field"),
    those(lambda _, field: field.name.endswith(("_file", "_dir", "_path")) and info(field).refused_because is None),
)
def test_an_address_of_the_web_is_to_be_downloaded(job, field):
    for address in ("https://storage.googleapis.com/bert_models/a.zip", "HTTP://example.org/a"):
        with pytest.raises(UserError, match=rf"--{field.name}={address} is a web address, .* download it first and give"):
            job(**{field.name: address})


def test_a_checkpoint_at_an_address_of_the_web_is_to_be_downloaded():
    for job in JOBS:
        for name in {"init_checkpoint", "checkpoint_to_convert", "input_files", "model"} & {
            f.name for f in dataclasses.fields(job)
        }:
            with pytest.raises(UserError, match=f"--{name}=https://example.org is a web address"):
                job(**{name: "https://example.org"})
