"""The files of `--predict_file`: what must be right with them before anything heavy starts."""

import os
from collections.abc import Sequence

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.phases import Phases
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions
from bert_tf2.options import refuse_overwriting, required
from bert_tf2.tasks.question_answering.files import ANSWER_FILES, PREDICTIONS
from bert_tf2.tasks.question_answering.squad import Question


def question_files(options: SquadOptions, phases: Phases) -> list[str]:
    """The files of `--predict_file`; none where no question is answered.

    Raises:
      UserError: a file is not there, answers would be written over it, or those to two files would have the same name.
    """
    if not (phases.looks_at_evaluation or phases.predict):
        return []
    paths = files.matching_files(required(options.predict_file), "predict_file")
    if phases.predict:
        _require_own_prefixes(paths)
    # An evaluation of several files writes without a prefix.
    prefixes = dict.fromkeys(("", *answer_prefixes(paths)))
    outputs = [
        os.path.join(files.expand(required(options.directory)), prefix + name) for prefix in prefixes for name in ANSWER_FILES
    ]
    refuse_overwriting(dict.fromkeys(paths, "predict_file"), outputs)
    return paths


def answer_prefixes(paths: Sequence[str]) -> list[str]:
    """What stands before the names of each file's answers: its own name where there are several, as in the model garden."""
    if len(paths) == 1:
        return [""]
    return [f"{os.path.splitext(os.path.basename(path))[0]}-" for path in paths]


def check_answers(questions: Sequence[Question], version_2: bool, predict_file: str, finds_threshold: bool) -> None:
    """Checks that there is something to score answers against, which must not be found out after a training.

    Args:
      questions: all that are to be scored.
      version_2: one without answers counts as impossible, as in the official script of version 2.0; in 1.1 it has no score.
      predict_file: where they come from.
      finds_threshold: they are scored for a threshold only.

    Raises:
      UserError: no question has an answer, or one of version 1.1 has none.
    """
    if not any(question.answers or question.is_impossible for question in questions):
        needs = " for --null_score_diff_threshold=auto" if finds_threshold else ""
        cure = "give a number, or a file with answers" if finds_threshold else "use --mode=predict"
        raise UserError(f"--predict_file={predict_file} holds no answers to score against{needs}; {cure}")
    without = [question.id for question in questions if not question.answers]
    if without and not version_2:
        raise UserError(
            f"--predict_file={predict_file}: {len(without):,} of {len(questions):,} questions have no answer to score against "
            f"(the first has the id {without[0]}), and without --version_2_with_negative none may be without; leave them out, "
            "use --mode=predict, or train with that flag"
        )


def _require_own_prefixes(paths: Sequence[str]) -> None:
    taken: dict[str, str] = {}
    for path, prefix in zip(paths, answer_prefixes(paths)):
        if prefix in taken:
            raise UserError(
                f"--predict_file: the answers to each of several files are named after it, and those to {taken[prefix]} and "
                f"{path} would both be {prefix}{PREDICTIONS}; give every file its own name"
            )
        taken[prefix] = path
