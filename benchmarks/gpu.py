"""What a GPU does: bert_tf2, the model garden and PyTorch in turn, in a few minutes of a borrowed machine.

    python benchmarks/gpu.py --prepare                    # before, on any machine; --device=cpu --tiny then tries every case
    python benchmarks/gpu.py --budget_s=600 --hugging_face_python=/path/to/python

Every case is a process of its own, the most important first. What does not fit into the budget is left out and named. Results
are kept in --work_dir as they come; the same command again measures what is missing there.
"""

import dataclasses
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from gpu_table import material, report
from gpu_table.cases import CASES, Case, job_of
from peers import turns

from bert_tf2 import cli, files
from bert_tf2.errors import JobError, UserError, did_you_mean
from bert_tf2.options import Options, at_least, option

# PyTorch brings libraries of its own.
_OURS_ONLY = ("PYTHONPATH", "LD_LIBRARY_PATH", "XLA_FLAGS", "TF_XLA_FLAGS")
# A case that takes longer than it was thought to is ended when it has taken so many times as long.
_PATIENCE = 2.5
_RESULTS = "results.json"


@dataclasses.dataclass(frozen=True)
class GpuOptions(Options):
    """What to measure, where, and for how long."""

    prepare: bool = option(False, "Make --records_dir and end; needs no GPU.")
    records_dir: str = option("benchmark_output/gpu/records", "Directory of what --prepare made; it can travel.")
    work_dir: str = option("benchmark_output/gpu", "Directory of results.json; what it holds is not measured again.")
    budget_s: float = option(600.0, "Seconds for everything.", check=at_least(1))
    device: str = option("gpu", "Where to run.", choices=("gpu", "cpu"))
    tiny: bool = option(False, "A model of 2 x 32 and a few steps, to see that every case runs; the figures say nothing.")
    cases: str | None = option(None, "Which cases, comma-separated beginnings of their names such as mrpc_bf16 [default: all].")
    sides: str = option("ours,garden,hugging_face", "Whose cases, comma-separated.")
    hugging_face_python: str | None = option(None, "A Python that has torch and transformers.")
    data_dir: str = option("../shared/data/glue/MRPC", "--prepare: directory of MRPC's train.tsv.")
    squad_file: str = option("../shared/data/squad/train-v1.1-first-12-articles.json", "--prepare: SQuAD 1.1 JSON.")
    text_files: str = option(
        "../shared/data/corpus/1342_Pride-and-Prejudice.txt,../shared/data/corpus/2701_Moby-Dick--Or-The-Whale.txt",
        "--prepare: books, comma-separated.",
    )
    vocab_file: str = option("../shared/data/vocab/uncased.txt", "--prepare: WordPiece vocabulary of at most 30522 entries.")
    pretraining_rows: int = option(1024, "--prepare: full rows of 512 to make.", check=at_least(1))


def main(options: GpuOptions) -> None:
    """Prepares, or measures and prints the tables."""
    records = pathlib.Path(files.expand(options.records_dir)).resolve()
    if options.prepare:
        _prepare(options, records)
        return
    if missing := material.missing(records):
        raise UserError(f"--records_dir={options.records_dir} lacks {', '.join(missing[:3])}; make it with --prepare")
    run = Run(options, records, _chosen(options))
    if options.device == "gpu":
        _require_gpu()
    # As Ctrl-C: the case that runs is ended, and what was measured is told.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        run.measure()
    finally:
        print(run.summary(), flush=True)
    if run.failed:
        raise JobError(f"failed: {', '.join(run.failed)}")


def _prepare(options: GpuOptions, records: pathlib.Path) -> None:
    needed = {"data_dir": f"{options.data_dir}/train.tsv", "squad_file": options.squad_file, "vocab_file": options.vocab_file}
    for flag, path in [*needed.items(), *(("text_files", path) for path in options.text_files.split(","))]:
        if not os.path.isfile(path):
            raise UserError(f"no {path}; give it with --{flag}")
    data_dir, squad_file, vocab_file = map(os.path.abspath, (options.data_dir, options.squad_file, options.vocab_file))
    material.make(records, data_dir, squad_file, options.text_files, vocab_file, options.pretraining_rows)
    print(f"{records}: {material.size(records) / 1e6:.1f} MB")


def _chosen(options: GpuOptions) -> list[Case]:
    sides = turns.chosen("sides", options.sides, ("ours", "garden", "hugging_face"))
    beginnings = options.cases.split(",") if options.cases else [""]
    for beginning in beginnings:
        if not any(case.name.startswith(beginning) for case in CASES):
            known = [case.name for case in CASES]
            raise UserError(
                f"--cases: none begins with '{beginning}'.{did_you_mean(beginning, known)} They are {', '.join(known)}"
            )

    def is_chosen(case: Case) -> bool:
        side = "hugging_face" if case.needs_torch else "garden" if case.driver == "garden" else "ours"
        return side in sides and any(case.name.startswith(beginning) for beginning in beginnings)

    return [case for case in CASES if is_chosen(case)]


class Run:
    """One go.

    Args:
      options: how.
      records: what was prepared.
      cases: in the order in which they are measured.
    """

    def __init__(self, options: GpuOptions, records: pathlib.Path, cases: list[Case]):
        self._options, self._records, self._cases = options, records, cases
        self._begin = time.monotonic()
        self._work = pathlib.Path(files.expand(options.work_dir)).resolve()
        files.make_directory(str(self._work))
        self._circumstances = {"device": _device(options.device), "tiny": options.tiny}
        self._found: dict[str, dict] = {}
        self._measured: set[str] = set()
        self.failed: dict[str, str] = {}
        self._left_out: dict[str, str] = {}
        self._continue()

    def measure(self) -> None:
        """Measures all cases that fit into the budget."""
        try:
            self._measure_all(turns.has_torch(self._options.hugging_face_python, self._environment(True)))
        finally:
            self._save()
            for case in self._cases:
                shutil.rmtree(self._model_dir(case), ignore_errors=True)

    def summary(self) -> str:
        """The tables, what failed and what was left out."""
        lines = ["", *(f"{name}: {value}" for name, value in self._circumstances.items())]
        lines += [report.tables(self._found, self._records, self._options.tiny)]
        lines += [f"FAILED {name}: {why}" for name, why in self.failed.items()]
        lines += [f"left out {name}: {why}" for name, why in self._left_out.items()]
        return "\n".join([*lines, f"{time.monotonic() - self._begin:.0f} s in all; {self._work / _RESULTS} has everything"])

    def _measure_all(self, has_torch: bool) -> None:
        for case in self._cases:
            left = self._options.budget_s - (time.monotonic() - self._begin)
            expected = 1 if self._options.tiny else case.seconds
            if case.name in self._found:
                continue
            if case.after and case.after not in self._measured:
                self._left_out[case.name] = f"{case.after} was not measured just before"
            elif case.needs_torch and not has_torch:
                self._left_out[case.name] = "no Python with torch and transformers; name one with --hugging_face_python"
            elif left < expected:
                self._left_out[case.name] = f"{max(left, 0):.0f} s of --budget_s are left, it takes about {expected}"
            else:
                self._measure(case, left if self._options.tiny else min(left, _PATIENCE * expected))
            self._save()

    def _measure(self, case: Case, seconds: float) -> None:
        begin = time.monotonic()
        python = self._options.hugging_face_python if case.needs_torch else sys.executable
        model_dir = self._model_dir(case)
        if not case.after:
            shutil.rmtree(model_dir, ignore_errors=True)
        job = job_of(case, self._records, model_dir, self._options.device == "gpu", self._options.tiny)
        try:
            result = turns.run_once(python, case.driver, job, seconds=seconds, environment=self._environment(case.needs_torch))
        except turns.OutOfTime as error:
            self._left_out[case.name] = str(error)
            return
        except (JobError, turns.NativeCrash) as error:
            self.failed[case.name] = str(error)
            print(f"{case.name}: FAILED after {time.monotonic() - begin:.0f} s: {str(error)[-300:]}", flush=True)
            return
        if case.driver == "garden":
            result = _as_others(result, job)
        self._measured.add(case.name)
        self._found[case.name] = result | {"wall_s": time.monotonic() - begin}
        speed = f"{result['examples_per_second']:.1f} examples/s" if "examples_per_second" in result else "done"
        print(f"{case.name}: {speed}, {time.monotonic() - begin:.0f} s{', ended early' if result.get('cut') else ''}", flush=True)

    def _model_dir(self, case: Case) -> pathlib.Path:
        return self._work / f"model_{case.driver}_{case.group}"

    def _environment(self, of_torch: bool) -> dict[str, str]:
        found = {name: value for name, value in os.environ.items() if not (of_torch and name in _OURS_ONLY)}
        if self._options.device == "cpu":
            found["CUDA_VISIBLE_DEVICES"] = "-1"
        if self._options.tiny:
            # More threads than free processors wait for each other.
            found["OMP_NUM_THREADS"] = "1"
        return found

    def _continue(self) -> None:
        path = self._work / _RESULTS
        if not path.is_file():
            return
        known = files.read_json(str(path))
        if known["circumstances"] != self._circumstances:
            raise UserError(f"{path} is of {known['circumstances']}, not of {self._circumstances}; name another --work_dir")
        self._found = {name: result for name, result in known["cases"].items() if not result.get("cut")}

    def _save(self) -> None:
        found = {"circumstances": self._circumstances, "cases": self._found, "failed": self.failed, "left_out": self._left_out}
        files.write_json(str(self._work / _RESULTS), found)


def _as_others(result: dict, job: dict) -> dict:
    """The garden's result, whose steps were waited for, in the words of the others'."""
    seconds, slots = result["step_seconds"], result["tokens_per_step"]
    return {
        "examples_per_second": result["examples_per_second"],
        "step_ms": 1000 * sum(seconds) / len(seconds),
        "steps": len(seconds),
        "slots_per_step": slots,
        "attention_slots_per_step": slots * job["max_seq_length"],
        "peak_mb": result["peak_mb"],
    }


def _device(kind: str) -> str:
    if kind == "cpu":
        return f"{os.cpu_count()} CPUs, {platform.machine()}"
    command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "a GPU that nvidia-smi does not name"


def _require_gpu() -> None:
    look = "import tensorflow as tf, sys; sys.exit(not tf.config.list_physical_devices('GPU'))"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, check=False)
    if done.returncode != 0:
        raise UserError(f"TensorFlow of {sys.executable} sees no GPU; --device=cpu --tiny tries the benchmark without one")


if __name__ == "__main__":
    cli.main(main, GpuOptions, __doc__)
