"""Pre-training steps beside the model garden's run_pretraining, each in turn in a process of its own.

    python benchmarks/pretraining.py --lengths=128,512 --models=minilm,small --dtypes=fp32

The examples are those that the garden's create_pretraining_data makes of a book (masked LM and next sentence, Google's
defaults); the garden reads them padded, as it must, and bert_tf2 as it writes them, unpadded. The weights are random.
"""

import dataclasses
import itertools
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from peers import turns
from peers.weights import BASE_CONFIG

from bert_tf2 import cli, files
from bert_tf2.errors import JobError
from bert_tf2.options import Options, at_least, option

MODELS = {
    "minilm": {"num_hidden_layers": 6, "hidden_size": 384, "num_attention_heads": 12, "intermediate_size": 1536},
    "small": {"num_hidden_layers": 4, "hidden_size": 256, "num_attention_heads": 4, "intermediate_size": 1024},
    "wide": {"num_hidden_layers": 4, "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072},
}
# Batch size and most predictions of a row by length: Google's numbers of predictions, and about as many tokens in a batch.
LENGTHS = {"128": (32, 20), "512": (8, 77)}
# Paragraphs of a document.
DOCUMENTS = {"sections": 20, "paragraphs": 1}
SIDES = {
    "garden": "model garden",
    "ours": "bert_tf2",
    "ours_fixed": "bert_tf2, every row of full length",
    "ours_recomputed": "the same with --recompute",
}
DTYPES = ("fp32", "bf16")


@dataclasses.dataclass(frozen=True)
class BenchmarkOptions(Options):
    """What to compare, and how long."""

    text_file: str = option("../shared/data/corpus/1342_Pride-and-Prejudice.txt", "A book.")
    vocab_file: str = option("../shared/data/vocab/uncased.txt", "WordPiece vocabulary of 30522 entries.")
    documents: str = option(
        ",".join(DOCUMENTS),
        "What a document is, comma-separated. sections: twenty paragraphs, which fill the rows. paragraphs: each, as Google's "
        "format takes the blank lines of a book, which leaves a third of 128 tokens to padding and three quarters of 512.",
    )
    work_dir: str = option("benchmark_output/pretraining", "Directory for records, checkpoints and results.json.")
    models: str = option("minilm,small", f"Sizes, of {', '.join(MODELS)}, comma-separated.")
    lengths: str = option(",".join(LENGTHS), "Tokens of a full row, comma-separated.")
    dtypes: str = option("fp32", "fp32, bf16 or both.")
    sides: str = option("garden,ours", f"Who trains, comma-separated, of {', '.join(SIDES)}.")
    rounds: int = option(3, "How often everyone has a turn.", check=at_least(1))
    warm_up: int = option(3, "Steps before the measurement.", check=at_least(1))
    steps: int = option(20, "Measured steps.", check=at_least(1))


def main(options: BenchmarkOptions) -> None:
    """Measures and prints a table for every model, length and number format."""
    models = turns.chosen("models", options.models, tuple(MODELS))
    lengths = turns.chosen("lengths", options.lengths, tuple(LENGTHS))
    dtypes = turns.chosen("dtypes", options.dtypes, DTYPES)
    documents = turns.chosen("documents", options.documents, tuple(DOCUMENTS))
    sides = turns.chosen("sides", options.sides, tuple(SIDES))
    for flag in ("text_file", "vocab_file"):
        path = files.expand(getattr(options, flag))
        if not os.path.isfile(path):
            print(f"SKIPPED: no {path}; give it with --{flag}")
            return
    work = pathlib.Path(files.expand(options.work_dir)).resolve()
    files.make_directory(str(work))
    print(f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors", flush=True)
    results = []
    for document, length, model, dtype in itertools.product(documents, lengths, models, dtypes):
        runs = _in_turn(options, work, document, model, length, dtype, sides)
        batch_size = LENGTHS[length][0]
        title = f"{model}, length {length}, documents: {document}, {dtype}, batch {batch_size}, {options.steps} steps"
        print(turns.table(title, runs, {side: SIDES[side] for side in sides}, unit="sequences"), flush=True)
        results += [{"model": model, "length": int(length), "documents": document, "dtype": dtype, **run} for run in runs]
        files.write_json(str(work / "results.json"), {"load": os.getloadavg(), "runs": results})


def _in_turn(
    options: BenchmarkOptions, work: pathlib.Path, document: str, model: str, length: str, dtype: str, sides: list[str]
) -> list[dict]:
    """A B A B …: one result of every side in every round."""
    from peers import pretraining_records

    batch_size, max_predictions = LENGTHS[length]
    text_file, vocab_file = files.expand(options.text_file), files.expand(options.vocab_file)
    material = pretraining_records.Material(text_file, vocab_file, DOCUMENTS[document], int(length), max_predictions)
    paths = pretraining_records.make(material, work)
    config = work / f"{model}.json"
    files.write_json(str(config), BASE_CONFIG | MODELS[model])
    job = {
        "max_seq_length": int(length),
        "max_predictions": max_predictions,
        "batch_size": batch_size,
        "steps": options.warm_up + options.steps,
        "warm_up": options.warm_up,
        "dtype": dtype,
        "config": str(config),
        "model_dir": str(work / "model_dir"),
    }
    runs = []
    for number in range(1, options.rounds + 1):
        for side in sides:
            name = side.split("_")[0]
            of_side = {"records": paths[name], "bucket_by_length": side == "ours", "recompute": side == "ours_recomputed"}
            turn = f"{model} {length} {document} {dtype} round {number}: {SIDES[side]}"
            try:
                result = turns.run_until_it_lives(sys.executable, f"{name}_pretraining", job | of_side)
            except JobError as error:
                if name == "ours":
                    raise
                print(f"{turn} failed: {str(error)[-300:]}", flush=True)
                continue
            runs.append({"side": side, "round": number, **result})
            print(f"{turn}: {result['examples_per_second']:.2f}/s", flush=True)
    return runs


if __name__ == "__main__":
    cli.main(main, BenchmarkOptions, __doc__)
