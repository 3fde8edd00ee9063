"""Turns of the benchmarks' sides, each in a child process of its own, and the table of what they gave."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
from collections.abc import Mapping

from bert_tf2.errors import JobError, UserError

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
NATIVE_CRASHES_TOLERATED = 5


class NativeCrash(Exception):
    """The child process was ended by a signal: TensorFlow 2.20 can corrupt its heap in the garden's model."""


class OutOfTime(JobError):
    """The child process was ended for want of time before it told anything."""


def googles_rate(rate: float, warmup: float = 0.1) -> float:
    """The rate whose decay from step 0, as Google's, is from the warm-up on that of `rate` with a decay that begins there."""
    return rate / (1 - warmup)


def are_numbers(value: str) -> str | None:
    """Accepts seeds, comma-separated."""
    return None if all(seed.isdigit() for seed in value.split(",")) else "must be numbers, comma-separated"


def chosen(flag: str, text: str, known: tuple[str, ...]) -> list[str]:
    """The names in a flag's comma-separated value.

    Raises:
      UserError: one of them is not known.
    """
    names = text.split(",")
    for name in names:
        if name not in known:
            raise UserError(f"--{flag} must be of {', '.join(known)}; got '{name}'")
    return names


def has_torch(python: str | None, environment: Mapping[str, str] | None = None) -> bool:
    """Whether a Python was named that has torch and transformers; `environment` as for `run_once`."""
    if python is None:
        return False
    command = [python, "-c", "import torch, transformers"]
    try:
        return subprocess.run(command, capture_output=True, check=False, env=environment).returncode == 0
    except OSError:
        return False


def run_quietly(command: list[str]) -> None:
    """Runs a command of the project and shows its output only when it fails.

    Raises:
      JobError: it failed.
    """
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise JobError(f"{' '.join(command[:3])} failed: {done.stderr.strip()[-500:]}")


def run_until_it_lives(python: str, name: str, job: dict) -> dict:
    """The result of `peers/<name>.py`, which has its turn again when it is ended by a signal.

    Args:
      python: the interpreter.
      name: the script.
      job: its only argument; `model_dir` is removed before and after every run.

    Returns:
      what `measure.Steps.report` printed, and `native_crashes`.

    Raises:
      JobError: it failed, or died too often.
    """
    for crashes in range(NATIVE_CRASHES_TOLERATED + 1):
        shutil.rmtree(job["model_dir"], ignore_errors=True)
        try:
            return {**run_once(python, name, job), "native_crashes": crashes}
        except NativeCrash as crash:
            print(f"{name} died ({crash}); its turn is repeated", flush=True)
        finally:
            shutil.rmtree(job["model_dir"], ignore_errors=True)
    raise JobError(f"{name} died natively {NATIVE_CRASHES_TOLERATED + 1} times in a row")


def run_once(
    python: str, name: str, job: dict, *, seconds: float | None = None, environment: Mapping[str, str] | None = None
) -> dict:
    """The last result that `peers/<name>.py` told.

    Args:
      python, name, job: see `run_until_it_lives`.
      seconds: after which it is ended, with `cut` in its result.
      environment: its variables; None for this process's.

    Raises:
      JobError: it failed.
      OutOfTime: it told nothing in that time.
      NativeCrash: it was ended by a signal.
    """
    script = str(ROOT / "benchmarks" / "peers" / f"{name}.py")
    code, output, errors = _ended([python, script, json.dumps(job)], seconds, environment)
    if code is not None and code < 0:
        raise NativeCrash(f"signal {-code}")
    lines = [line for line in output.splitlines() if line.startswith("RESULT ")]
    if code is None and not lines:
        raise OutOfTime(f"{name} told nothing in {seconds:.0f} s")
    if code or not lines:
        raise JobError(f"{name} ended with exit code {code}: {errors.strip()[-800:]}")
    return json.loads(lines[-1].removeprefix("RESULT ")) | ({"cut": True} if code is None else {})


def _ended(command: list[str], seconds: float | None, environment: Mapping[str, str] | None) -> tuple[int | None, str, str]:
    """Exit code (None where time was up), standard output and error of a command.

    With a limit it has a process group of its own, of which nothing outlives it.
    """
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=seconds is not None
    ) as process:
        try:
            output, errors = process.communicate(timeout=seconds)
            return process.returncode, output, errors
        except subprocess.TimeoutExpired:
            _end(process)
            output, errors = process.communicate()
            return None, output, errors
        except BaseException:
            _end(process)
            raise


def _end(process: subprocess.Popen) -> None:
    with contextlib.suppress(ProcessLookupError):
        if os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def table(title: str, runs: list[dict], sides: Mapping[str, str], unit: str = "examples") -> str:
    """Medians over the rounds; the ratio is of the medians.

    Args:
      title: the first line.
      runs: results of `run_until_it_lives`, each with its `side`.
      sides: names of the sides as they are shown, in the order of the lines; those without a run have no line.
      unit: what is counted.
    """
    lines = [
        "",
        title,
        f"{'':34}{unit + '/s':>12}{'x garden':>10}{'CPU s/ex':>10}{'slots/step':>12}{'peak MB':>9}{'died':>6}",
    ]
    ran = [side for side in sides if any(run["side"] == side for run in runs)]
    rate = {side: _median(runs, side, "examples_per_second") for side in ran}
    for side in ran:
        ratio = f"{rate[side] / rate['garden']:.2f}" if "garden" in rate else ""
        died = sum(run["native_crashes"] for run in runs if run["side"] == side)
        slots, peak = _median(runs, side, "tokens_per_step"), _median(runs, side, "peak_mb")
        cpu = _median(runs, side, "cpu_seconds_per_example")
        lines.append(f"{sides[side]:34}{rate[side]:>12.2f}{ratio:>10}{cpu:>10.3f}{slots:>12.0f}{peak:>9.0f}{died:>6}")
    return "\n".join([*lines, ""])


def _median(runs: list[dict], side: str, value: str) -> float:
    return statistics.median(run[value] for run in runs if run["side"] == side)
