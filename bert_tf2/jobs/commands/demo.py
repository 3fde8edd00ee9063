"""The demo: a pre-trained BERT learns to tell good reviews from bad ones, with the commands a user would type."""

import dataclasses
import json
import logging
import pathlib
import shlex
import subprocess
import sys
import time

from bert_tf2 import ROOT, cli, files
from bert_tf2.errors import JobError, UserError
from bert_tf2.jobs.commands import demo_material as material
from bert_tf2.options import Options, at_least, option, positive
from bert_tf2.progress import silence
from bert_tf2.runtime import job

CHECKOUT = pathlib.Path(ROOT)

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class DemoOptions(Options):
    """Where to, and how long to train."""

    output_dir: str = option("demo_output", "Directory of everything the demo downloads and makes.")
    num_train_epochs: float = option(1.0, "Passes over the training sentences.", check=positive)
    learning_rate: float = option(2e-4, "Peak learning rate.", check=positive)
    train_batch_size: int = option(32, "Sentences per training step.", check=at_least(1))
    max_examples: int | None = option(
        None, "Use only about this many of the sentences, spread over the file, for a quick look.", check=at_least(20)
    )


def command(description: str = __doc__) -> None:
    """The command `bert-tf2-demo`."""
    cli.main(run, DemoOptions, description)


@job
def run(options: DemoOptions) -> dict[str, float]:
    """Gets the material, runs the three commands, prints what came out.

    Returns:
      `accuracy` on the held-out sentences, `majority` (the accuracy of always answering the commoner class), `seconds`.

    Raises:
      UserError: the commands are not there, because the package was installed without its checkout.
      JobError: a download or one of the commands failed.
    """
    if not (CHECKOUT / "run_classifier.py").is_file():
        raise UserError("the demo runs run_classifier.py and data_prep/ of a checkout; clone the project and type make demo")
    start = time.monotonic()
    folder = pathlib.Path(files.expand(options.output_dir)).resolve()
    downloads = str(folder / "downloads")
    material.get_weights(str(folder / "weights"), downloads)
    material.get_text(str(folder / "text" / "movie_reviews.txt"), downloads)
    rows = material.read_rated_sentences(str(folder / "text" / "movie_reviews.txt"))
    # The file begins with the good reviews.
    rows = rows[:: max(1, round(len(rows) / options.max_examples))] if options.max_examples else rows
    counts = material.write_splits(rows, str(folder / "text" / "train.tsv"), str(folder / "text" / "held_out.tsv"))
    print(
        f"{counts['train']:,} sentences to train on, {counts['held_out']:,} held out "
        f"({counts['left_out']} rated exactly 0 are left out)",
        flush=True,
    )
    commands = the_commands(options, folder)
    for number, arguments in enumerate(commands, 1):
        _run(number, arguments)
    result = {
        "accuracy": _accuracy(folder / "model" / "eval_results.json"),
        "majority": _majority(counts),
        "seconds": time.monotonic() - start,
    }
    print(_summary(folder, commands, result), flush=True)
    return result


def the_commands(options: DemoOptions, folder: pathlib.Path) -> list[list[str]]:
    """What a user would type in the checkout: make records, train and evaluate, predict."""
    inside = _shown(folder)
    records = {
        "input_meta_data_path": f"{inside}/records/meta_data.json",
        "eval_data_path": f"{inside}/records/held_out.tf_record",
    }
    model = {"bert_config_file": f"{inside}/weights/config.json", "model_dir": f"{inside}/model"}
    prepare = {
        "train_file": f"{inside}/text/train.tsv",
        "eval_file": f"{inside}/text/held_out.tsv",
        "text_column": "sentence",
        "label_column": "label",
        "vocab_file": f"{inside}/weights/vocab.txt",
        "max_seq_length": "64",
        "train_data_output_path": f"{inside}/records/train.tf_record",
        "eval_data_output_path": f"{inside}/records/held_out.tf_record",
        "meta_data_file_path": f"{inside}/records/meta_data.json",
    }
    train = {
        "mode": "train_and_eval",
        **records,
        "train_data_path": f"{inside}/records/train.tf_record",
        **model,
        "init_checkpoint": f"{inside}/weights",
        "train_batch_size": str(options.train_batch_size),
        "learning_rate": f"{options.learning_rate:g}",
        "num_train_epochs": f"{options.num_train_epochs:g}",
        "num_eval_per_epoch": "2",
        "log_steps": "10",
        "seed": "1",
    }
    predict = {"mode": "predict", **records, **model}
    python = _shown(pathlib.Path(sys.executable))
    return [
        [python, script, *(f"--{name}={value}" for name, value in given.items())]
        for script, given in (
            ("data_prep/create_finetuning_data.py", prepare),
            ("run_classifier.py", train),
            ("run_classifier.py", predict),
        )
    ]


def _shown(path: pathlib.Path) -> str:
    """The path as seen from the checkout, where the commands run; links such as a venv's python stay links."""
    return str(path.relative_to(CHECKOUT)) if path.is_relative_to(CHECKOUT) else str(path)


def _run(number: int, arguments: list[str]) -> None:
    print(f"\n[{number}/3] {shlex.join(arguments)}", flush=True)
    start = time.monotonic()
    with silence():
        code = subprocess.run(arguments, cwd=CHECKOUT, check=False).returncode
    if code != 0:
        raise JobError(f"command {number} of the demo ended with exit code {code}; its message is above")
    print(f"[{number}/3] done in {time.monotonic() - start:.0f} s", flush=True)


def _accuracy(path: pathlib.Path) -> float:
    try:
        return float(json.loads(path.read_text(encoding="utf-8"))["accuracy"])
    except (OSError, KeyError, ValueError) as error:
        raise JobError(f"{path} holds no accuracy ({error!r})") from None


def _majority(counts: dict[str, int]) -> float:
    """The held-out accuracy of always answering the class that is commoner in training."""
    answer_positive = counts["train_positive"] * 2 > counts["train"]
    right = counts["held_out_positive"] if answer_positive else counts["held_out"] - counts["held_out_positive"]
    return right / counts["held_out"]


def _summary(folder: pathlib.Path, commands: list[list[str]], result: dict[str, float]) -> str:
    model = folder / "model"
    what = {
        "report.md": "how it went, with loss_curve.png and confusion_matrix.png",
        "predictions.tsv": "every held-out sentence's label and probabilities",
        "eval_results.json": "the scores",
        "summaries/": "for TensorBoard",
    }
    lines = ["", "=" * 80, f"Held-out accuracy {result['accuracy']:.1%}; always answering the commoner class gives "]
    lines[-1] += f"{result['majority']:.1%}. ({result['seconds']:.0f} s)"
    lines += ["", f"Everything lies in {_shown(folder)}/:"]
    lines += [f"  {'model/' + name:<28} {text}" for name, text in what.items() if (model / name).exists()]
    lines += ["  text/, records/, weights/    what it was made from"]
    lines += ["", f"To do it on your own file, in {CHECKOUT} (a TSV, CSV or JSONL file with a text and a label column;"]
    lines += ["give another --model_dir):"]
    for arguments in commands:
        lines += ["", "  " + " \\\n      ".join([shlex.join(arguments[:2]), *map(shlex.quote, arguments[2:])])]
    return "\n".join(lines)
