"""MLflow (https://mlflow.org/docs): its own environment variables say where to, such as MLFLOW_TRACKING_URI."""

import logging
import os
import re
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from bert_tf2.training.tracking.tracker import TrackedRun, Tracker, register_tracker

logger = logging.getLogger(__name__)

_EXPERIMENT = "bert_tf2"
# MLflow's limits for one request and one value.
_PARAMS_AT_ONCE, _LONGEST_PARAM, _METRICS_AT_ONCE = 100, 6000, 1000
_REFUSED_IN_NAMES = re.compile(r"[^/\w.\- :]")


@register_tracker("mlflow")
class MlflowTracker(Tracker):
    """A run of MLflow. Its fluent interface is left alone, so that a notebook's own active run is not touched."""

    package: ClassVar[str] = "mlflow"
    extra: ClassVar[str] = "mlflow"

    def start(self, run: TrackedRun) -> str:
        # Its own patience with a server that does not answer is many minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
        from mlflow import MlflowClient

        self._client = MlflowClient()
        kept = self._earlier(run.id or os.environ.get("MLFLOW_RUN_ID"))
        if kept is None:
            kept = self._client.create_run(self._experiment(run.project), run_name=run.name)
        else:
            self._client.update_run(kept.info.run_id, status="RUNNING")
        self._id: str = kept.info.run_id
        self._keep_params(run.config, kept.data.params)
        return self._id

    def log(self, step: int, values: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(_REFUSED_IN_NAMES.sub("_", name), float(value), now, step) for name, value in values.items()]
        for begin in range(0, len(metrics), _METRICS_AT_ONCE):
            self._client.log_batch(self._id, metrics=metrics[begin : begin + _METRICS_AT_ONCE])

    def finish(self, step: int, results: Mapping[str, float], paths: list[str]) -> None:
        self.log(step, results)
        for path in paths:
            self._client.log_artifact(self._id, path)

    def end(self, failed: bool) -> None:
        self._client.set_terminated(self._id, "FAILED" if failed else "FINISHED")

    def _earlier(self, id: str | None) -> Any:
        """The run that is gone on with; None where there is none."""
        if not id:
            return None
        from mlflow.exceptions import MlflowException

        try:
            return self._client.get_run(id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
        logger.info("MLflow has no run %s where MLFLOW_TRACKING_URI points to; another one begins", id)
        return None

    def _experiment(self, project: str | None) -> str:
        """The id of the experiment, which is made where there is none."""
        if not project and (id := os.environ.get("MLFLOW_EXPERIMENT_ID")):
            return id
        name = project or os.environ.get("MLFLOW_EXPERIMENT_NAME") or _EXPERIMENT
        known = self._client.get_experiment_by_name(name)
        return self._client.create_experiment(name) if known is None else known.experiment_id

    def _keep_params(self, config: Mapping[str, Any], kept: Mapping[str, str]) -> None:
        """Keeps what a run was given; what was kept once stays, as MLflow wants it."""
        from mlflow.entities import Param, RunTag

        values = {name: str(value)[:_LONGEST_PARAM] for name, value in config.items()}
        new = [Param(name, value) for name, value in values.items() if name not in kept]
        changed = [RunTag(f"resumed.{name}", value) for name, value in values.items() if kept.get(name, value) != value]
        for begin in range(0, max(len(new), len(changed)), _PARAMS_AT_ONCE):
            end = begin + _PARAMS_AT_ONCE
            self._client.log_batch(self._id, params=new[begin:end], tags=changed[begin:end])
