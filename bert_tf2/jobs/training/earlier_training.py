"""What the report of an evaluation says of the training before it, whose report it takes the place of."""

import os
from typing import Any

from bert_tf2 import files
from bert_tf2.training.reporting.history import History
from bert_tf2.training.reporting.report import LOSS_CURVE
from bert_tf2.training.run_directory import RUN_CONFIG
from bert_tf2.training.trainer import BEST_CHECKPOINT

# As the training's own report calls what run_config.json holds.
_FACTS = {"init_checkpoint": "initial weights", "learning_rate": "learning rate", "train_batch_size": "batch size"}


def _beginning(run: dict[str, Any]) -> str:
    """What a training without `--init_checkpoint` began with."""
    if run.get("student_layers"):
        return f"layers {run['student_layers']} of its teacher"
    return f"{run['num_student_layers']} layers of its teacher" if run.get("num_student_layers") else "random"


def earlier_training(directory: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The pictures and the sections that tell of the training in a directory; none where nothing was trained.

    Args:
      directory: `--model_dir`.
    """
    steps = [entry["step"] for entry in History(directory, writes=False).entries]
    if not steps:
        return [], []
    facts: list[tuple[str, object]] = [("training steps", max(steps))]
    run = files.read_object(directory, RUN_CONFIG).get("run", {})
    facts += [(name, _beginning(run) if run[key] is None else run[key]) for key, name in _FACTS.items() if key in run]
    best = files.read_object(directory, BEST_CHECKPOINT)
    if best:
        facts.append((f"best {best['metric']}", f"{best['value']:.4f} at step {best['step']}"))
    table = "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts)])
    curve = os.path.join(directory, LOSS_CURVE)
    return [("Loss", curve)] if files.exists(curve) else [], [("Training", table)]
