"""What the benchmark of GPUs measures, the most important first."""

import dataclasses
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from gpu_table.material import LENGTHS, MAX_PREDICTIONS

GROUPS = {
    "products": "bf16 products of square matrices",
    "mrpc_bf16": "MRPC at 128, BERT-Base, training, bf16",
    "squad_bf16": "SQuAD at 384, BERT-Base, training, bf16",
    "pretraining_bf16": "pre-training, rows of 512 full, BERT-Base, bf16",
    "mrpc_fp32": "MRPC at 128, BERT-Base, training, fp32 (TF32)",
    "prediction_bf16": "MRPC at 128, BERT-Base, prediction, bf16",
    "large_bf16": "SQuAD windows padded to 384, BERT-Large, training, bf16",
}
_OURS = "bert_tf2"
_EAGER, _COMPILED = "PyTorch", "PyTorch, torch.compile"


@dataclasses.dataclass(frozen=True)
class Case:
    """One process that is measured.

    Attributes:
      group: the table it is in.
      who: the line's name.
      driver: the script in `peers/`.
      seconds: how long it is thought to take on a GPU, everything included; a guess from measurements of 2026-11-26.
      settings: what its job says besides the common things.
      after: the name of the case that it does once more, in the same model directory.
    """

    group: str
    who: str
    driver: str
    seconds: int
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    after: str | None = None

    @property
    def name(self) -> str:
        """As `--cases` and the results call it."""
        return f"{self.group}/{re.sub('[^a-z0-9]+', '_', self.who.lower())}"

    @property
    def needs_torch(self) -> bool:
        """Whether it runs in the Python that has PyTorch."""
        return self.driver.startswith("hugging_face") or self.settings.get("library") == "torch"


def _ours(group: str, seconds: int, **settings: Any) -> Case:
    return Case(group, _OURS, "ours_on_device", seconds, settings)


def _torch(group: str, seconds: int, who: str, padding: str, **settings: Any) -> Case:
    """`padding`: max_length or longest."""
    how = "padded" if padding == "max_length" else "to longest"
    compiles = who == _COMPILED
    return Case(group, f"{who}, {how}", "hugging_face_on_device", seconds, {"padding": padding, "compiles": compiles, **settings})


CASES = (
    Case("products", "TensorFlow", "product_rate", 20, {"library": "tensorflow"}),
    _ours("mrpc_bf16", 120),
    _torch("mrpc_bf16", 60, _COMPILED, "max_length"),
    _ours("squad_bf16", 120),
    _torch("squad_bf16", 60, _COMPILED, "max_length"),
    _ours("pretraining_bf16", 70),
    _torch("pretraining_bf16", 70, _COMPILED, "max_length"),
    _torch("mrpc_bf16", 25, _EAGER, "longest"),
    _torch("squad_bf16", 30, _EAGER, "max_length"),
    Case("mrpc_bf16", f"{_OURS}, started again", "ours_on_device", 90, {"measure_s": 0}, after=f"mrpc_bf16/{_OURS}"),
    _torch("mrpc_bf16", 25, _EAGER, "max_length"),
    _ours("mrpc_fp32", 110),
    _torch("mrpc_fp32", 60, _COMPILED, "max_length"),
    Case("mrpc_fp32", "model garden, padded", "garden", 45),
    _torch("mrpc_fp32", 25, _EAGER, "max_length"),
    _ours("prediction_bf16", 60),
    # Its batches are in order of length: a chunk is all of MRPC's.
    _torch("prediction_bf16", 25, _EAGER, "longest", chunk=114),
    _ours("large_bf16", 100, bucket_by_length=False, measure_s=2, chunk=5),
    _torch("large_bf16", 45, _EAGER, "max_length", measure_s=2, chunk=5),
    _torch("mrpc_fp32", 25, _EAGER, "longest"),
    Case("products", "PyTorch", "product_rate", 15, {"library": "torch"}),
)


def config_of(case: Case, tiny: bool) -> str:
    """The name of the model's configuration."""
    return "tiny" if tiny else ("large" if case.group.startswith("large") else "base")


def job_of(case: Case, records: pathlib.Path, model_dir: pathlib.Path, on_gpu: bool, tiny: bool) -> dict[str, Any]:
    """What a case's driver is given.

    Args:
      case: the case.
      records: what `material.make` made.
      model_dir: where the driver writes.
      on_gpu: otherwise on the CPU, where bert_tf2 compiles too, so that the same code runs.
      tiny: a model and a measurement that only show that everything runs.
    """
    task, _, dtype = case.group.rpartition("_")
    part = "prediction" if task == "prediction" else "training"
    task = {"prediction": "mrpc", "large": "squad"}.get(task, task)
    padded = "_padded" if case.driver == "garden" else ""
    length = LENGTHS.get(task, 0)
    of_size: dict[str, Any] = {"measure_s": 6.0, "chunk": 20, "warm_up_s": 100.0, "warm_up": 20, "batch_size": 32, "size": 8192}
    if tiny:
        of_size = {"chunk": 2, "most_chunks": 1, "warm_up_s": 1.0, "warm_up": 2, "batch_size": 2, "size": 256}
        of_size["measure_s"] = case.settings.get("measure_s", 6.0) and 0.1
    return {
        "part": part,
        "task": task,
        "dtype": dtype,
        "records": str(records / f"{task}{padded}.tf_record"),
        "arrays": str(records / f"{task}.npz"),
        "meta_data": str(records / f"{task}{padded}.json"),
        "config": str(records / f"{config_of(case, tiny)}.json"),
        "weights": "",
        "tf2_checkpoint": None,
        "max_seq_length": length,
        "max_predictions": MAX_PREDICTIONS,
        "bucket_by_length": True,
        "model_dir": str(model_dir),
        "num_gpus": 1 if on_gpu else 0,
        "enable_xla": None if on_gpu else True,
        # Of the garden, whose steps are all measured but the first; of the others' schedules.
        "steps": _garden_steps(tiny) if case.driver == "garden" else 100_000,
        **of_size,
        **({} if tiny else case.settings),
        **{name: value for name, value in case.settings.items() if name not in of_size},
    }


def _garden_steps(tiny: bool) -> int:
    return 6 if tiny else 110
