"""What must be right with the questions before anything heavy starts."""

import os
from collections.abc import Sequence

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.jobs.squad_options import Phases, SquadOptions
from bert_tf2.tasks.squad_files import PREDICTIONS


def question_files(options: SquadOptions, phases: Phases) -> list[str]:
    """The files of `--predict_file`; none where no question is answered.

    Raises:
      UserError: a file is not there, or the answers to two of them would have the same name.
    """
    if not phases.answers:
        return []
    paths = files.matching_files(options.predict_file, "predict_file")
    if phases.predict:
        _require_own_prefixes(paths)
    return paths


def answer_prefixes(paths: Sequence[str]) -> list[str]:
    """What stands before the names of each file's answers: its own name where there are several, as in the model garden."""
    if len(paths) == 1:
        return [""]
    return [f"{os.path.splitext(os.path.basename(path))[0]}-" for path in paths]


def _require_own_prefixes(paths: Sequence[str]) -> None:
    taken: dict[str, str] = {}
    for path, prefix in zip(paths, answer_prefixes(paths)):
        if prefix in taken:
            raise UserError(
                f"--predict_file: the answers to each of several files are named after it, and those to {taken[prefix]} and "
                f"{path} would both be {prefix}{PREDICTIONS}; give every file its own name"
            )
        taken[prefix] = path
