"""What training for similarity does to the vectors of a small model that was not made for vectors.

    python benchmarks/similarity.py --weights_dir=folder/of/a/model --seeds=1,2,3

Scored are STS-B's development pairs and SICK's test pairs (Spearman x 100 of the cosine), always by the weights at the end of a
training: vectors as they are (mean pooling); whitened, by the vectors of the sentences below; after one epoch of unsupervised
SimCSE on those sentences; and after `--supervised_epochs` of cosine regression on the training pairs of STS-B and SICK, also
where SimCSE left off. The sentences are those of the training files of SST-2, MRPC, STS-B, SICK and CoLA that have five words or
more, each once.
"""

import csv
import dataclasses
import json
import os
import pathlib
import shutil
import statistics
import sys
from collections.abc import Iterable, Iterator

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from peers import turns

from bert_tf2 import cli, files
from bert_tf2.options import Options, at_least, option, positive

SETS = {"STS-B dev": ("glue", "STS-B", "dev.tsv"), "SICK test": ("sts", "SICK", "SICK_test_annotated.txt")}
PAIRS = {("glue", "STS-B", "train.tsv"): (0.0, 5.0), ("sts", "SICK", "SICK_train.txt"): (1.0, 5.0)}
TEXT_COLUMNS = ("sentence", "sentence1", "sentence2", "sentence_A", "sentence_B", "#1 String", "#2 String")
TEXTS = (("glue", "SST-2", "train.tsv"), ("glue", "MRPC", "train.tsv"), *PAIRS)
COLA, COLA_COLUMN = ("glue", "CoLA", "train.tsv"), 3
LEAST_WORDS = 5


@dataclasses.dataclass(frozen=True)
class SimilarityOptions(Options):
    """What is trained, how, and how often."""

    weights_dir: str = option("demo_output/weights", "A checkpoint of any form, with its configuration and vocabulary beside it.")
    data_dir: str = option("../shared/data", "Directory with glue/ and sts/SICK/.")
    work_dir: str = option("benchmark_output/similarity", "Directory for records, models and results.json.")
    seeds: str = option("1,2,3", "A training for each of these, comma-separated.")
    batch_size: int = option(64, "Rows per training step.", check=at_least(2))
    learning_rate: float = option(3e-4, "The peak rate of SimCSE.", check=positive)
    supervised_learning_rate: float = option(3e-4, "The peak rate of the regression.", check=positive)
    supervised_epochs: int = option(4, "Passes through the scored pairs.", check=at_least(1))
    max_seq_length: int = option(64, "Longest text in tokens.", check=at_least(3))


class Similarity:
    """Trainings and scores of a model.

    Args:
      options: what was asked for.
    """

    def __init__(self, options: SimilarityOptions):
        self._options = options
        self._data = pathlib.Path(files.expand(options.data_dir)).resolve()
        self._work = pathlib.Path(files.expand(options.work_dir)).resolve()
        self._weights = pathlib.Path(files.expand(options.weights_dir)).resolve()
        files.make_directory(str(self._work))
        self._vocabulary = next(
            f"--vocab_file={self._weights / name}" for name in ("vocab.txt", "tokenizer.json") if (self._weights / name).exists()
        )
        self.sentences = self._write_sentences()
        self.pairs = self._write_pairs()
        self._make_records("sentences.txt", "sentences")
        self._make_records("pairs.tsv", "pairs")

    def untrained(self) -> dict[str, float]:
        """The vectors as they are."""
        return self._scores(f"--init_checkpoint={self._weights}", "--pooling=mean")

    def whitened(self) -> dict[str, float]:
        """The vectors after a whitening that the sentences' vectors give."""
        model = [f"--init_checkpoint={self._weights}", "--pooling=mean", f"--max_seq_length={self._options.max_seq_length}"]
        whitening = self._work / "whitening.npz"
        whitening.unlink(missing_ok=True)
        fit = [f"--fit_whitening={self._work / 'sentences.txt'}", f"--whitening_file={whitening}"]
        self._run("-m", "bert_tf2.extract_features", *model, *fit)
        return self._scores(*model[:2], f"--whitening_file={whitening}")

    def simcse(self, seed: int) -> dict[str, float]:
        """After unsupervised SimCSE."""
        return self._scores(f"--model_dir={self._train('sentences', seed, str(self._weights), 'simcse')}")

    def supervised(self, seed: int) -> dict[str, float]:
        """After the regression."""
        return self._scores(f"--model_dir={self._train('pairs', seed, str(self._weights), 'supervised')}")

    def both(self, seed: int) -> dict[str, float]:
        """After the regression of what SimCSE left; `simcse` of this seed has to be called before."""
        return self._scores(f"--model_dir={self._train('pairs', seed, self._directory('simcse', seed), 'both')}")

    def _rows(self, place: tuple[str, ...]) -> Iterator[dict[str, str]]:
        with open(self._data.joinpath(*place), encoding="utf-8-sig", newline="") as file:
            yield from csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)

    def _texts(self) -> Iterator[str]:
        for place in TEXTS:
            for row in self._rows(place):
                yield from (row[column].strip() for column in TEXT_COLUMNS if row.get(column))
        for line in self._data.joinpath(*COLA).read_text(encoding="utf-8").splitlines():
            yield line.split("\t")[COLA_COLUMN].strip()

    def _write_sentences(self) -> int:
        return self._write(
            "sentences.txt", list(dict.fromkeys(text for text in self._texts() if text.count(" ") >= LEAST_WORDS - 1))
        )

    def _write_pairs(self) -> int:
        lines = ["sentence1\tsentence2\tscore"]
        for place, (lowest, highest) in PAIRS.items():
            for row in self._rows(place):
                score = (float(row.get("score") or row["relatedness_score"]) - lowest) / (highest - lowest)
                texts = (row.get("sentence1") or row["sentence_A"], row.get("sentence2") or row["sentence_B"])
                lines.append("\t".join([*(text.strip() for text in texts), f"{score:.4f}"]))
        return self._write("pairs.tsv", lines) - 1

    def _write(self, name: str, lines: list[str]) -> int:
        (self._work / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return len(lines)

    def _make_records(self, file: str, name: str) -> None:
        self._run(
            "data_prep/create_finetuning_data.py",
            "--fine_tuning_task_type=similarity",
            f"--train_file={self._work / file}",
            f"--train_data_output_path={self._work / name}.tf_record",
            f"--meta_data_file_path={self._work / name}.json",
            self._vocabulary,
            f"--max_seq_length={self._options.max_seq_length}",
        )

    def _directory(self, name: str, seed: int) -> str:
        return str(self._work / f"{name}_{seed}")

    def _train(self, records: str, seed: int, checkpoint: str, name: str) -> str:
        options, directory = self._options, self._directory(name, seed)
        shutil.rmtree(directory, ignore_errors=True)
        alone = records == "sentences"
        self._run(
            "run_classifier.py",
            "--mode=train",
            f"--train_data_path={self._work / records}.tf_record",
            f"--input_meta_data_path={self._work / records}.json",
            f"--bert_config_file={self._weights / 'config.json'}",
            f"--init_checkpoint={checkpoint}",
            self._vocabulary,
            f"--model_dir={directory}",
            f"--train_batch_size={options.batch_size}",
            f"--learning_rate={options.learning_rate if alone else options.supervised_learning_rate}",
            f"--num_train_epochs={1 if alone else options.supervised_epochs}",
            f"--seed={seed}",
        )
        return directory

    def _scores(self, *model: str) -> dict[str, float]:
        found = {}
        for name, place in SETS.items():
            scores = self._work / "vector_scores.json"
            flags = [f"--input_file={self._data.joinpath(*place)}", f"--output_file={scores}"]
            self._run("-m", "bert_tf2.evaluate_vectors", *model, *flags, f"--max_seq_length={self._options.max_seq_length}")
            (of_pairs,) = json.loads(scores.read_text())["vector_scores"].values()
            found[name] = 100 * of_pairs["cosine"]["spearman"]
        return found

    def _run(self, *command: str) -> None:
        turns.run_quietly([sys.executable, *command])


def main(options: SimilarityOptions) -> None:
    """Trains and scores, and prints a line for each way."""
    missing = [place for place in (*SETS.values(), *TEXTS, COLA) if not os.path.isfile(os.path.join(options.data_dir, *place))]
    if missing:
        print(f"SKIPPED: no {os.path.join(*missing[0])} in {options.data_dir}; give its directory with --data_dir")
        return
    similarity = Similarity(options)
    print(f"{similarity.sentences:,} sentences, {similarity.pairs:,} scored pairs; Spearman x 100")
    print(f"{'':34}" + "".join(f"{name:>18}" for name in SETS), flush=True)
    results: dict[str, list[dict[str, float]]] = {
        "mean pooling": [similarity.untrained()],
        "whitened": [similarity.whitened()],
    }
    _print(results, results)
    ways = {"SimCSE": similarity.simcse, "supervised": similarity.supervised, "SimCSE, then supervised": similarity.both}
    for seed in options.seeds.split(","):
        for name, way in ways.items():
            results.setdefault(name, []).append(way(int(seed)))
            files.write_json(os.path.join(files.expand(options.work_dir), "results.json"), results)
            print(f"{name + ', seed ' + seed:34}" + "".join(f"{results[name][-1][one]:>18.2f}" for one in SETS), flush=True)
    _print(results, ways)


def _print(results: dict[str, list[dict[str, float]]], names: Iterable[str]) -> None:
    for name in names:
        cells = []
        for one in SETS:
            values = [scores[one] for scores in results[name]]
            spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
            cells.append(f"{f'{statistics.mean(values):.2f}{spread}':>18}")
        print(f"{name:34}" + "".join(cells), flush=True)


if __name__ == "__main__":
    cli.main(main, SimilarityOptions, __doc__)
