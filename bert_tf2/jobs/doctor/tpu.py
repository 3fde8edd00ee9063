"""A training on a TPU that is not attached to this machine: its paths can be looked at here, its steps cannot be run."""

import dataclasses
import glob
from collections.abc import Iterator
from typing import TypeVar

from bert_tf2 import files
from bert_tf2.jobs.doctor.findings import Finding, advice, fails, ok
from bert_tf2.jobs.training.training_options import TrainingOptions
from bert_tf2.jobs.training.training_setup import is_tpu

JobOptions = TypeVar("JobOptions", bound=TrainingOptions)

_CHIPS = ("/dev/accel*", "/dev/vfio/[0-9]*")
_BUCKET = "gs://BUCKET"
# What the TPU's own host reads and writes.
_WRITTEN = ("model_dir", "output_dir", "model_export_path")
_READ = ("data_dir", "train_data_path", "eval_data_path", "test_data_path", "unlabelled_data_path", "train_file",
         "predict_file", "input_files", "input_file", "eval_input_files", "init_checkpoint")  # fmt: skip


def is_elsewhere(options: TrainingOptions) -> bool:
    """Whether the training is for a TPU that this machine does not hold."""
    return is_tpu(options) and (_named(options) is not None or not any(map(glob.glob, _CHIPS)))


def on_this_machine(options: JobOptions) -> JobOptions:
    """The options of the same training on this machine's CPU, to look at all but the TPU."""
    changes = {"use_tpu": False, "distribution_strategy": "one_device", "tpu": "", "tpu_name": None, "num_gpus": 0}
    return dataclasses.replace(options, **changes)  # type: ignore[arg-type]


def examine(options: TrainingOptions) -> Iterator[Finding]:
    """Names and paths of a training on a TPU that is elsewhere."""
    name = _named(options)
    if name is None:
        yield fails(
            "no TPU is in this machine, and none is named",
            "--tpu=NAME of a Cloud TPU, or leave --use_tpu and --distribution_strategy=tpu out to train on GPU or CPU",
        )
    else:
        yield ok(f"the TPU '{name}' was not connected to: whether it runs, and how fast the job is there, is not known")
    for flag in _WRITTEN:
        path = getattr(options, flag, None)
        if path and not files.is_remote(path):
            yield fails(
                f"--{flag}={path} is a local path, and a Cloud TPU cannot write to a directory of this machine",
                f"--{flag}={_BUCKET}/{path.strip('/').split('/')[-1]}",
            )
        elif path:
            yield from _bucket(flag, path)
    local = [flag for flag in _READ if getattr(options, flag, None) and not files.is_remote(getattr(options, flag))]
    for flag in _READ:
        path = getattr(options, flag, None)
        if path and files.is_remote(path):
            yield from _bucket(flag, path)
    if local:
        yield advice(
            f"{', '.join(f'--{flag}' for flag in local)}: local paths, which only a job on this machine can read; a TPU VM, the "
            "TPU's own machine, has them not",
            f"copy them to the bucket (gcloud storage cp -r … {_BUCKET}/data) and name them there",
        )
    if options.dtype == "fp32":
        yield advice("fp32 leaves half of what a TPU can do unused", "--dtype=bf16")


def _bucket(flag: str, path: str) -> Iterator[Finding]:
    bucket = path.removeprefix("gs://").split("/")[0]
    if path.startswith("gs://") and not (3 <= len(bucket) <= 222 and bucket == bucket.lower() and " " not in bucket):
        yield fails(
            f"--{flag}={path}: '{bucket}' is no name of a bucket: 3 or more small letters, digits, '-', '_' or '.'",
            f"--{flag}={_BUCKET}/…",
        )


def _named(options: TrainingOptions) -> str | None:
    name = options.tpu or options.tpu_name
    return None if name in (None, "", "local") else name
