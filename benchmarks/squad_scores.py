"""SQuAD scores beside Hugging Face: the same weights, windows and hyperparameters, everyone's answers scored on a whole file.

    python benchmarks/squad_scores.py --seeds=1,2,3 --hugging_face_python=/path/to/python

Both fine-tune on the same records with AdamW (no decay of biases and layer norms), a warm-up, a linear decay and gradients
clipped to norm 1. Hugging Face's decay begins where the warm-up ends, bert_tf2's (Google's) at step 0; `--learning_rate` is
Hugging Face's, and bert_tf2 gets that divided by 1 - `--warmup_proportion`, so that both rates are equal at every step after
the warm-up. Adam's epsilon is what each has by default, 1e-8 and 1e-6. Hugging Face's logits are decoded and scored by
bert_tf2, whose answers and scores its tests hold against the garden's and the official scripts'.
"""

import dataclasses
import os
import pathlib
import shutil
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from peers import turns
from peers.squad_material import WINDOWS, SquadMaterial

from bert_tf2 import cli, files
from bert_tf2.jobs.commands import demo_material
from bert_tf2.options import at_least, fraction, option, positive

SIDES = {"hugging_face": "Hugging Face", "ours": "bert_tf2"}


@dataclasses.dataclass(frozen=True)
class ScoresOptions(SquadMaterial):
    """What is fine-tuned, how, and how often."""

    work_dir: str = option("benchmark_output/squad_scores", "Directory for records, models, logits and results.json.")
    sides: str = option(",".join(SIDES), "Who is fine-tuned, comma-separated.")
    seeds: str = option("1,2,3", "A fine-tuning for each of these, comma-separated.", check=turns.are_numbers)
    epochs: int = option(2, "Passes through the training windows.", check=at_least(1))
    batch_size: int = option(16, "Windows per training step.", check=at_least(1))
    learning_rate: float = option(5e-5, "The peak rate of Hugging Face.", check=positive)
    warmup_proportion: float = option(0.1, "Share of the steps in which the rate rises.", check=fraction)
    dtype: str = option("fp32", "Number format of both.", choices=("fp32", "bf16"))


class Scores:
    """Fine-tunings of both sides from the same records.

    Args:
      options: what was asked for.
    """

    def __init__(self, options: ScoresOptions):
        from peers import squad_records

        from bert_tf2.tasks.question_answering.windows import read_questions
        from bert_tf2.text.tokenizer import load_tokenizer

        self._options = options
        self._work = pathlib.Path(files.expand(options.work_dir)).resolve()
        self._weights = pathlib.Path(files.expand(options.weights_dir)).resolve()
        files.make_directory(str(self._work))
        demo_material.get_weights(str(self._weights), str(self._work / "downloads"))
        vocab = str(self._weights / "vocab.txt")
        self._records = self._work / "train.tf_record"
        squad_records.prepare_ours(files.expand(options.train_file), vocab, self._records, WINDOWS)
        tokenizer = load_tokenizer(vocab_file=vocab)
        self._questions = read_questions([files.expand(options.predict_file)], tokenizer, **dataclasses.asdict(WINDOWS))
        records = squad_records.read_all(self._records)
        self.windows = len(records)
        squad_records.write_token_ids(records, self._work / "train.jsonl")
        squad_records.write_token_ids(self._questions.records, self._work / "predict.jsonl")

    def hugging_face(self, seed: int) -> dict[str, float]:
        """EM and F1 of `transformers.BertForQuestionAnswering`."""
        import numpy as np

        from bert_tf2.data.records.record_set import RecordSet
        from bert_tf2.tasks.base import ExampleSet
        from bert_tf2.tasks.question_answering.decoding import DecodingOptions
        from bert_tf2.tasks.question_answering.task import SpanTask

        options, logits = self._options, self._work / "logits.npz"
        job = {name: getattr(options, name) for name in ("epochs", "batch_size", "learning_rate", "warmup_proportion", "dtype")}
        job |= {
            "seed": seed,
            "weights": str(self._weights),
            "train_rows": str(self._work / "train.jsonl"),
            "predict_rows": str(self._work / "predict.jsonl"),
            "max_seq_length": WINDOWS.max_seq_length,
            "logits": str(logits),
            "model_dir": str(self._work / "model_dir"),
        }
        turns.run_until_it_lives(options.hugging_face_python, "hugging_face_squad_scores", job)
        task = SpanTask(DecodingOptions())
        with np.load(logits) as arrays:
            examples = ExampleSet("eval", RecordSet.in_memory([], task.features, "none"), source=self._questions)
            return task.scores(task.outcome(dict(arrays), examples), examples)

    def ours(self, seed: int) -> dict[str, float]:
        """EM and F1 of run_squad.py, as it writes them."""
        options, model_dir = self._options, self._work / "ours"
        shutil.rmtree(model_dir, ignore_errors=True)
        turns.run_quietly(
            [
                sys.executable,
                "run_squad.py",
                "--mode=train_and_eval",
                f"--train_data_path={self._records}",
                f"--input_meta_data_path={self._records.with_suffix('.json')}",
                f"--predict_file={os.path.abspath(files.expand(options.predict_file))}",
                f"--vocab_file={self._weights / 'vocab.txt'}",
                f"--bert_config_file={self._weights / 'config.json'}",
                f"--init_checkpoint={self._weights}",
                f"--model_dir={model_dir}",
                f"--train_batch_size={options.batch_size}",
                f"--num_train_epochs={options.epochs}",
                f"--learning_rate={turns.googles_rate(options.learning_rate, options.warmup_proportion):.6g}",
                f"--warmup_proportion={options.warmup_proportion}",
                f"--dtype={options.dtype}",
                f"--seed={seed}",
            ]
        )
        return files.read_json(str(model_dir / "eval_results.json"))


def main(options: ScoresOptions) -> None:
    """Fine-tunes and scores, seed by seed, and prints a line for each and the means."""
    sides = turns.chosen("sides", options.sides, tuple(SIDES))
    seeds = [int(seed) for seed in options.seeds.split(",")]
    for name in ("train_file", "predict_file"):
        if not os.path.isfile(files.expand(getattr(options, name))):
            print(f"SKIPPED: no {getattr(options, name)}; give it with --{name}")
            return
    if "hugging_face" in sides and not turns.has_torch(options.hugging_face_python):
        print("SKIPPED: Hugging Face; give a Python that has torch and transformers with --hugging_face_python")
        sides.remove("hugging_face")
    scores = Scores(options)
    print(
        f"{scores.windows:,} windows of {os.path.basename(options.train_file)}, {options.epochs} epochs in batches of "
        f"{options.batch_size}, {options.dtype}; scored on {os.path.basename(options.predict_file)}"
    )
    print(f"{'':24}{'seed':>6}{'EM':>8}{'F1':>8}{'minutes':>9}")
    runs = []
    for seed in seeds:
        for side in sides:
            begin = time.perf_counter()
            values = getattr(scores, side)(seed)
            run = {"side": side, "seed": seed, "exact_match": values["exact_match"], "f1": values["f1"]}
            runs.append(run | {"minutes": (time.perf_counter() - begin) / 60})
            files.write_json(str(pathlib.Path(files.expand(options.work_dir)) / "results.json"), runs)
            print(_line(SIDES[side], str(seed), runs[-1:]), flush=True)
    for side in sides:
        of_side = [run for run in runs if run["side"] == side]
        print(_line(SIDES[side], "mean", of_side))


def _line(name: str, seed: str, runs: list[dict]) -> str:
    exact_match, f1, minutes = (statistics.mean(run[value] for run in runs) for value in ("exact_match", "f1", "minutes"))
    return f"{name:24}{seed:>6}{exact_match:>8.2f}{f1:>8.2f}{minutes:>9.1f}"


if __name__ == "__main__":
    cli.main(main, ScoresOptions, __doc__)
