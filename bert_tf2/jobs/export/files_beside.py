"""The files that lie beside an exported model."""

import inspect
from typing import Any

from bert_tf2 import files
from bert_tf2.exporting import exported_model
from bert_tf2.exporting.target import Target
from bert_tf2.exporting.tokenizer_files import template_settings, tokenizer_files
from bert_tf2.jobs.export.example import example
from bert_tf2.jobs.export.options import ExportOptions
from bert_tf2.jobs.trained.source import TrainedModel

SETTINGS, LIBRARY, EXAMPLE = "export.json", "exported_model.py", "example.py"


def files_beside(
    options: ExportOptions, source: TrainedModel, target: Target, length: int | None, facts: Any
) -> dict[str, bytes]:
    """Contents by name: the tokenizer, what is to be known of the model, a library that uses it and an example of its use.

    Args:
      options: the command's.
      source: the model.
      target: its format.
      length: of all rows; None for any.
      facts: see `bert_tf2.tasks.portable.Portable`.
    """
    contents, tokenizer = tokenizer_files(source.tokenizer)
    settings = {
        "target": options.to,
        "file": target.file,
        "quantize": options.quantize,
        "length": length,
        "max_seq_length": length or source.meta.max_seq_length,
        "task_type": source.meta.task_type,
        "facts": dict(facts),
        "tokenizer": tokenizer,
        "template": template_settings(source.tokenizer),
    }
    return contents | {
        SETTINGS: files.json_text(settings).encode(),
        LIBRARY: inspect.getsource(exported_model).encode(),
        EXAMPLE: example(source.meta.task_type, target, source.tokenizer.kind).encode(),
    }
