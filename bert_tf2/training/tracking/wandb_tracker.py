"""Weights & Biases (https://docs.wandb.ai): its own environment variables say where to and how, such as WANDB_MODE=offline."""

import os
from collections.abc import Mapping
from typing import Any, ClassVar

from bert_tf2 import files
from bert_tf2.training.tracking.tracker import TrackedRun, Tracker, register_tracker

DIRECTORY = "wandb"
"""In a run's directory: what wandb itself keeps there."""
_PROJECT = "bert_tf2"
_STEP = "global_step"
# A login that nobody answers must not hold a training up, nor an upload that does not end its process.
_TO_START, _TO_FINISH = 60, 300


@register_tracker("wandb")
class WandbTracker(Tracker):
    """A run of Weights & Biases."""

    package: ClassVar[str] = "wandb"
    extra: ClassVar[str] = "wandb"

    def start(self, run: TrackedRun) -> str:
        import wandb

        settings = wandb.Settings(
            console="off", quiet=True, init_timeout=_TO_START, login_timeout=_TO_START, finish_timeout=_TO_FINISH
        )
        self._run: Any = wandb.init(
            project=run.project or (None if os.environ.get("WANDB_PROJECT") else _PROJECT),
            name=None if os.environ.get("WANDB_NAME") else run.name,
            id=run.id,
            resume="allow" if run.id else None,
            dir=None if os.environ.get("WANDB_DIR") or files.is_remote(run.directory) else run.directory,
            job_type="training",
            reinit="create_new",
            settings=settings,
        )
        self._run.config.update(dict(run.config), allow_val_change=True)
        # wandb's own count of steps cannot go back, as a resumed training does.
        self._run.define_metric("*", step_metric=_STEP)
        return self._run.id

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log({_STEP: step, **values})

    def finish(self, step: int, results: Mapping[str, float], paths: list[str]) -> None:
        import wandb

        self._run.summary.update({**results, "results/step": step})
        artifact = wandb.Artifact(f"report-{self._run.id}", type="report")
        for path in paths:
            artifact.add_file(path)
        self._run.log_artifact(artifact)

    def end(self, failed: bool) -> None:
        self._run.finish(exit_code=int(failed))
