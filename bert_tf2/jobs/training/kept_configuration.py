"""`run.yaml`: all that a training was given, so that `--config=MODEL_DIR/run.yaml --model_dir=ANOTHER` repeats it."""

import dataclasses
import logging
import os
from collections.abc import Sequence
from typing import Any

from bert_tf2 import __version__, config_file, files
from bert_tf2.data.records.metadata import MetaData
from bert_tf2.errors import UserError
from bert_tf2.jobs.training.training_options import TrainingOptions
from bert_tf2.options import info
from bert_tf2.tasks.kind import kind_of
from bert_tf2.tasks.kind_options import kinds_of
from bert_tf2.text.vocabulary import read_bytes

logger = logging.getLogger(__name__)

RUN_YAML = "run.yaml"
_MARK = "# bert_tf2 "


def require_no_other(model_dir: str) -> None:
    """Refuses to write over a file of that name that no training wrote.

    Raises:
      UserError: there is one.
    """
    path = os.path.join(model_dir, RUN_YAML)
    if files.exists(path) and not read_bytes(path, "model_dir").startswith(_MARK.encode()):
        raise UserError(
            f"{path} is not a training's, which keeps its flags under that name; rename it, or name another --model_dir"
        )


def keep(
    model_dir: str,
    given: TrainingOptions,
    settled: TrainingOptions,
    seed: int,
    meta: MetaData | None,
    earlier_ends: Sequence[int] = (),
) -> None:
    """Writes the configuration of a training, unless what is there says the same; what changes of it is told.

    Args:
      model_dir: the run's.
      given: what was asked, before anything was derived from it: what was accepted once is accepted again.
      settled: with what was left to the devices or to what the directory began with.
      seed: the run's.
      meta: of the training data; their kind of task decides which options can be given.
      earlier_ends: steps at which the training had ended before it was made longer.
    """
    options = dataclasses.replace(given, seed=seed, **_decided(given, settled))
    names = [field.name for field in dataclasses.fields(options) if _can_be_given(field, meta)]
    header = [
        f"{_MARK.removeprefix('# ')}{__version__}: all flags of a training by {given.command}, with its seed. Once more:",
        f"{given.command} --config={RUN_YAML} --model_dir=ANOTHER",
        f"The result is the same bit for bit {'on' if options.deterministic else 'with --deterministic (both times) on'} equal "
        "software and devices. Paths are relative to where it ran.",
    ]
    if earlier_ends:
        steps = ", ".join(map(str, earlier_ends))
        header[2] = (
            f"That is one training; this one was made longer after step {steps}, where its learning rate began anew. Paths are "
            "relative to where it ran."
        )
    text = config_file.settings_text(header, options, names)
    path = os.path.join(model_dir, RUN_YAML)
    if files.exists(path):
        changes = _changes(_values(options, names), _former(path, type(options)))
        if not changes:
            return
        logger.info("%s: written anew, for other flags than before: %s", path, ", ".join(changes))
    files.write_text(path, text)


def flags_of(options: TrainingOptions, seed: int | None, meta: MetaData | None) -> dict[str, Any]:
    """What a run was given, with what was settled since, by the names of the flags; those that say nothing here are left out.

    Args:
      options: the run's.
      seed: the run's; None where none is known.
      meta: of its data.
    """
    names = [field.name for field in dataclasses.fields(options) if _can_be_given(field, meta)]
    known = {} if seed is None else {"seed": seed}
    return {**_values(options, names), **known}


def _decided(given: TrainingOptions, settled: TrainingOptions) -> dict[str, Any]:
    """Options that were left open and decide the result, as they were settled."""
    # That nothing is compiled cannot be said beside a directory for what is compiled.
    open_ones = ("pack_sequences",) if given.compilation_cache and not settled.enable_xla else ("pack_sequences", "enable_xla")
    return {name: getattr(settled, name) for name in open_ones}


def _can_be_given(field: dataclasses.Field, meta: MetaData | None) -> bool:
    """Whether an option does something here: not one of the originals that does nothing, nor one of another kind of task."""
    if info(field).refused_because is not None or info(field).ignored_because is not None:
        return False
    kinds = kinds_of(field)
    return not kinds or (meta is not None and kind_of(meta.task_type).name in kinds)


def _values(options: TrainingOptions, names: list[str]) -> dict[str, Any]:
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def _former(path: str, options_class: type[TrainingOptions]) -> dict[str, Any]:
    """What stands in the directory; nothing where somebody changed it to what no command takes."""
    try:
        return config_file.given_by(options_class, config_file.read_settings(path))
    except UserError:
        return {}


def _changes(now: dict[str, Any], former: dict[str, Any]) -> list[str]:
    names = [*now, *(name for name in former if name not in now)]
    return [
        f"{name} {former.get(name, 'not given')} -> {now.get(name, 'not given')}"
        for name in names
        if former.get(name) != now.get(name)
    ]
