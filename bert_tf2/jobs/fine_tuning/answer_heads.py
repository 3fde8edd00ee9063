"""Which head a model for answers has: what the command says, and what its directory knows of its training."""

import dataclasses
from collections.abc import Sequence

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions
from bert_tf2.model_directory import model_files
from bert_tf2.options import refuse_given
from bert_tf2.tasks.question_answering.options import INDEPENDENT, START_CONDITIONED
from bert_tf2.training.run_directory import RUN_CONFIG


def with_answer_head(options: SquadOptions, places: Sequence[str | None]) -> SquadOptions:
    """The options with the head that the model has; None for the usual one, which runs of earlier versions do not name.

    Args:
      options: the command's.
      places: checkpoints and directories of the model that is used, the one that counts first; none for a training. Where
        `--predict_checkpoint_path` is given it is the only one.

    Raises:
      UserError: the command names another head than the model has, or options of a head that it has not.
    """
    asked = options.answer_head
    for place in filter(None, [options.predict_checkpoint_path] if options.predict_checkpoint_path else places):
        directory = model_files.directory_of(files.expand(place))
        run = files.read_object(directory, RUN_CONFIG).get("run")
        if not isinstance(run, dict):
            continue
        data = run.get("data")
        trained = (data.get("answer_head") if isinstance(data, dict) else None) or INDEPENDENT
        if asked not in (None, trained):
            raise UserError(f"--answer_head={asked}, but the model in {directory} was trained with {trained}; leave the flag out")
        asked = trained
        break
    if asked != START_CONDITIONED:
        refuse_given(
            options, ("start_n_top", "end_n_top"), "is of --answer_head=start_conditioned, which this model has not; leave it out"
        )
    return dataclasses.replace(options, answer_head=asked if asked == START_CONDITIONED else None)
