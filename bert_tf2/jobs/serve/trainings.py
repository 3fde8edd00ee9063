"""The directory of a training as the model that takes text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bert_tf2.errors import UserError

if TYPE_CHECKING:
    from bert_tf2.tasks.base import Export


def text_export(path: str, modules: Sequence[str] = ()) -> "Export":
    """What `--model_export_path=NAME` would write as NAME_text, in memory.

    Args:
      path: the directory of a training of any kind.
      modules: that register kinds of task of one's own.

    Raises:
      UserError: it is none, or its kind of task has no model that takes text.
      JobError: its checkpoint cannot be read.
    """
    from bert_tf2.jobs.trained.options import TrainedModelOptions
    from bert_tf2.jobs.trained.source import open_trained

    source = open_trained(TrainedModelOptions(model_dir=path, module_import=tuple(modules)), device=None)
    exports = source.task.exports(source.model, source.tokenizer, source.meta)
    if "_text" not in exports:
        raise UserError(
            f"--model={path} is a training of {source.meta.task_type}, whose models take no text (its Task.exports gives no "
            "'_text'); --kind=vectors serves the vectors of its encoder"
        )
    return exports["_text"]
