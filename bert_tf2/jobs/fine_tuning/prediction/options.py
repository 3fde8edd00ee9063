"""The option that has a trained model computed with weights of 8 bits."""

import dataclasses
from typing import Any

from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.phases import Phases
from bert_tf2.options import Options, option

PREDICTION = "Prediction"
NONE, INT8 = "none", "int8"


@dataclasses.dataclass(frozen=True)
class PredictionOptions(Options):
    """How predictions are computed."""

    quantize: str = option(
        NONE,
        "Without training: evaluate and predict with weights of 8 bits, by ONNX Runtime (extra onnx), which is faster on CPUs, "
        "most on those with VNNI; the log tells by how much outputs differ.",
        choices=(NONE, INT8),
        section=PREDICTION,
        may_change=True,
    )


def check_prediction(options: Any, phases: Phases) -> None:
    """Checks what the option says against others.

    Args:
      options: `PredictionOptions` with those of training.
      phases: what is to be done.

    Raises:
      UserError: it can do nothing, or not what was asked; or a package is missing.
    """
    if options.quantize == NONE:
        return
    given = f"--quantize={options.quantize}"
    if phases.train:
        raise UserError(f"{given} is for a model that is trained already; train without it, then evaluate and predict with it")
    if options.model_export_path or not (phases.evaluate or phases.predict):
        raise UserError(
            f"{given} is for evaluating and predicting here; python -m bert_tf2.export --quantize exports such a model"
        )
    if options.distribution_strategy in ("tpu", "multi_worker_mirrored", "parameter_server") or options.use_tpu:
        raise UserError(f"{given} computes on the CPU of one machine; leave out --distribution_strategy and --use_tpu")
    from bert_tf2.exporting.quantized_here import require_packages

    require_packages()
