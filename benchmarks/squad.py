"""SQuAD beside the model garden (and Hugging Face): preparation, decoding, training and prediction, everyone in turn.

    python benchmarks/squad.py --parts=preparation,training --hugging_face_python=/path/to/python

Windows of 384 tokens, doc_stride 128, questions of up to 64. Training and prediction use the published MiniLM weights; every
side is a process of its own and pads as it does by default: the garden and Hugging Face's run_qa.py to 384, bert_tf2 to the
longest row of a batch of rows of like length. Their records are evenly spread over the file, since articles differ in length.
"""

import dataclasses
import os
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from peers import turns
from peers.squad_material import WINDOWS, SquadMaterial
from peers.weights import make_garden_weights

from bert_tf2 import cli, files
from bert_tf2.errors import JobError
from bert_tf2.jobs.commands import demo_material
from bert_tf2.options import at_least, option
from bert_tf2.tasks.question_answering.windows import read_questions

PARTS = ("preparation", "decoding", "training", "prediction")
DTYPES = ("fp32", "bf16")
SIDES = {
    "garden": "model garden",
    "hugging_face": "Hugging Face, padded to 384",
    "hugging_face_longest": "Hugging Face, padded to longest",
    "ours": "bert_tf2",
}


@dataclasses.dataclass(frozen=True)
class BenchmarkOptions(SquadMaterial):
    """What to compare, and how long."""

    work_dir: str = option("benchmark_output/squad", "Directory for records, checkpoints and results.json.")
    parts: str = option(",".join(PARTS), "What to measure, comma-separated.")
    sides: str = option(",".join(SIDES), "Who trains and predicts, comma-separated; Hugging Face only trains.")
    dtypes: str = option("fp32", "Training in fp32, bf16 or both.")
    rounds: int = option(3, "How often everyone has a turn.", check=at_least(1))
    batch_size: int = option(16, "Windows per training step.", check=at_least(1))
    predict_batch_size: int = option(8, "Windows per prediction step.", check=at_least(1))
    warm_up: int = option(3, "Steps before the measurement.", check=at_least(1))
    steps: int = option(20, "Measured training steps.", check=at_least(1))
    predict_steps: int = option(50, "Measured prediction steps.", check=at_least(1))


class Benchmark:
    """The parts of one go.

    Args:
      options: what was asked for.
      sides: who trains and predicts.
    """

    def __init__(self, options: BenchmarkOptions, sides: list[str]):
        self._options, self._sides = options, sides
        self._work = pathlib.Path(files.expand(options.work_dir)).resolve()
        self._weights = pathlib.Path(files.expand(options.weights_dir)).resolve()
        self._vocab = str(self._weights / "vocab.txt")
        self._train_file, self._predict_file = files.expand(options.train_file), files.expand(options.predict_file)
        self._questions = None
        files.make_directory(str(self._work))
        demo_material.get_weights(str(self._weights), str(self._work / "downloads"))

    def preparation(self) -> list[dict]:
        """From the JSON file to records on the disk, in this process; nothing is remembered from one turn to the next."""
        from peers import squad_records

        prepare = {"garden": squad_records.prepare_garden, "ours": squad_records.prepare_ours}
        paths = {side: self._work / f"prepared_{side}.tf_record" for side in prepare}
        runs = []
        for _ in range(self._options.rounds):
            for side, function in prepare.items():
                begin, begin_of_work = time.perf_counter(), time.process_time()
                function(self._train_file, self._vocab, paths[side], WINDOWS)
                worked = time.process_time() - begin_of_work
                runs.append({"side": side, "seconds": time.perf_counter() - begin, "cpu_seconds": worked})
        count = squad_records.compare(paths["ours"], paths["garden"], WINDOWS.max_seq_length)
        print(f"\npreparation: {count:,} features of {os.path.basename(self._train_file)}; all features of both files are equal")
        print(f"{'':34}{'features/s':>12}{'x garden':>10}{'seconds':>10}{'CPU s':>10}{'x garden':>10}")
        passed, worked = (_medians(runs, value) for value in ("seconds", "cpu_seconds"))
        for side in prepare:
            print(
                f"{SIDES[side]:34}{count / passed[side]:>12,.0f}{passed['garden'] / passed[side]:>10.2f}{passed[side]:>10.2f}"
                f"{worked[side]:>10.2f}{worked['garden'] / worked[side]:>10.2f}"
            )
        return runs

    def decoding(self) -> list[dict]:
        """From logits to answers, in this process; see `squad_decoding.py`."""
        # The garden's first turn would otherwise hold the import of its library.
        import official.nlp.data.squad_lib  # noqa: F401
        import squad_decoding

        questions = self._read_questions()
        seconds = squad_decoding.measure(questions, WINDOWS.max_seq_length, self._options.rounds)
        count = len(questions.questions)
        print(
            f"\ndecoding: {count:,} questions, {len(questions.records):,} windows, n-best 20; answers are equal to the garden's"
        )
        print(f"{'':34}{'questions/s':>12}{'x garden':>10}{'seconds':>10}")
        for side in ("garden", "ours, google_text", "ours"):
            name = SIDES["garden"] if side == "garden" else side.replace("ours", SIDES["ours"])
            print(f"{name:34}{count / seconds[side]:>12,.0f}{seconds['garden'] / seconds[side]:>10.2f}{seconds[side]:>10.2f}")
        return [{"side": side, "seconds": value} for side, value in seconds.items()]

    def training(self) -> list[dict]:
        """Training steps, one table for each number format."""
        from peers import squad_records

        options, prepared = self._options, self._work / "prepared_ours.tf_record"
        squad_records.prepare_ours(self._train_file, self._vocab, prepared, WINDOWS)
        steps = options.warm_up + options.steps
        squad_records.make_training_sample(prepared, self._work, steps * options.batch_size)
        runs = []
        for dtype in turns.chosen("dtypes", options.dtypes, DTYPES):
            job = {"part": "training", "batch_size": options.batch_size, "steps": steps, "dtype": dtype}
            of_dtype = self._in_turn(self._sides, job, {"garden": "padded", "ours": "train"})
            title = f"training: MiniLM, {dtype}, batch {options.batch_size}, {options.steps} steps"
            print(turns.table(title, of_dtype, {side: SIDES[side] for side in self._sides}), flush=True)
            runs += [{"dtype": dtype, **run} for run in of_dtype]
        return runs

    def prediction(self) -> list[dict]:
        """From records to logits in memory."""
        from peers import squad_records

        options = self._options
        sides = [side for side in self._sides if not side.startswith("hugging_face")]
        steps = options.warm_up + options.predict_steps
        size = steps * options.predict_batch_size
        squad_records.make_prediction_sample(self._read_questions().records, self._work, size, WINDOWS.max_seq_length)
        job = {"part": "prediction", "batch_size": options.predict_batch_size, "steps": steps, "dtype": "fp32"}
        runs = self._in_turn(sides, job, {"garden": "padded_windows", "ours": "windows"})
        title = f"prediction: MiniLM, fp32, batch {options.predict_batch_size}, {size} windows of dev"
        print(turns.table(title, runs, {side: SIDES[side] for side in sides}, unit="windows"), flush=True)
        return runs

    def _read_questions(self):
        if self._questions is None:
            from bert_tf2.text.tokenizer import load_tokenizer

            tokenizer = load_tokenizer(vocab_file=self._vocab)
            self._questions = read_questions([self._predict_file], tokenizer, **dataclasses.asdict(WINDOWS))
        return self._questions

    def _in_turn(self, sides: list[str], job: dict, records: dict[str, str]) -> list[dict]:
        """A B A B …: one result of every side in every round; `records` names the files of those that read records."""
        job |= {
            "max_seq_length": WINDOWS.max_seq_length,
            "model_dir": str(self._work / "model_dir"),
            "warm_up": self._options.warm_up,
            "token_ids": str(self._work / "token_ids.jsonl"),
            "weights": str(self._weights),
            "tf2_checkpoint": str(make_garden_weights(self._work, self._weights)),
        }
        runs = []
        for number in range(1, self._options.rounds + 1):
            for side in sides:
                name = "hugging_face" if side.startswith("hugging_face") else side
                of_side = {
                    "config": str(self._weights / "config.json" if side == "ours" else self._work / "minilm.json"),
                    "records": str(self._work / f"{records.get(side)}.tf_record"),
                    "meta_data": str(self._work / f"{records.get(side)}.json"),
                    "padding": "longest" if side.endswith("longest") else "max_length",
                }
                python = self._options.hugging_face_python if name == "hugging_face" else sys.executable
                turn = f"{job['part']} {job['dtype']} round {number}: {SIDES[side]}"
                try:
                    result = turns.run_until_it_lives(python, f"{name}_squad", job | of_side)
                except JobError as error:
                    if side == "ours":
                        raise
                    # A peer that cannot do this at all (the garden's loss in bf16) has no row in the table.
                    print(f"{turn} failed: {str(error)[-300:]}", flush=True)
                    continue
                runs.append({"side": side, "round": number, **result})
                print(f"{turn}: {result['examples_per_second']:.2f}/s", flush=True)
        return runs


def main(options: BenchmarkOptions) -> None:
    """Measures the parts that were asked for and prints a table for each."""
    parts = turns.chosen("parts", options.parts, PARTS)
    sides = turns.chosen("sides", options.sides, tuple(SIDES))
    turns.chosen("dtypes", options.dtypes, DTYPES)
    needed = {"preparation": "train_file", "training": "train_file", "decoding": "predict_file", "prediction": "predict_file"}
    for part in list(parts):
        path = getattr(options, needed[part])
        if not os.path.isfile(files.expand(path)):
            print(f"SKIPPED: {part}: no {path}; give it with --{needed[part]}")
            parts.remove(part)
    compared = "training" in parts and any(side.startswith("hugging_face") for side in sides)
    if compared and not turns.has_torch(options.hugging_face_python):
        print("SKIPPED: Hugging Face; give a Python that has torch and transformers with --hugging_face_python")
        sides = [side for side in sides if not side.startswith("hugging_face")]
    if not parts:
        return
    benchmark, results = Benchmark(options, sides), {}
    for part in parts:
        print(f"{part}: load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors", flush=True)
        results[part] = {"load": os.getloadavg(), "runs": getattr(benchmark, part)()}
        files.write_json(str(pathlib.Path(files.expand(options.work_dir)) / "results.json"), results)


def _medians(runs: list[dict], value: str) -> dict[str, float]:
    sides = dict.fromkeys(run["side"] for run in runs)
    return {side: statistics.median(run[value] for run in runs if run["side"] == side) for side in sides}


if __name__ == "__main__":
    cli.main(main, BenchmarkOptions, __doc__)
