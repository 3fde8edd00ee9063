"""How much of what a training step computes is padding: full rows, buckets, few lengths and packs, of real records.

    python benchmarks/packing.py

Nothing is trained and no time is taken: these are counts. A slot is a place for a token in a batch as it is computed. The
multiply-adds are those of the matrix products and of the attention of a BERT-Base, forward, without embeddings and heads; of
attention all scores count that are computed, masked or not. The records are made first, where they are not there.
"""

import dataclasses
import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from bert_tf2 import cli, files
from bert_tf2.options import Options, option

_LAYERS, _WIDTH = 12, 768
_REPLICAS = (1, 8)


@dataclasses.dataclass(frozen=True)
class PackingOptions(Options):
    """Where the material is."""

    data_dir: str = option("../shared/data", "Folder of glue/MRPC, glue/CoLA, squad, corpus and vocab/uncased.txt.")
    work_dir: str = option("benchmark_output/packing", "Directory for records.")
    epochs: int = option(3, "Passes over the records, whose batches are all counted.")


@dataclasses.dataclass(frozen=True)
class Material:
    """Records to count.

    Attributes:
      source: what they are made of, below `data_dir`.
      max_seq_length: the longest row.
      batch_size: examples of a step.
      command: the flags of the command that makes them.
      is_pretraining: it is create_pretraining_data.py.
    """

    source: str
    max_seq_length: int
    batch_size: int
    command: Callable[[str], list[str]]
    is_pretraining: bool = False


def _glue(task: str) -> Callable[[str], list[str]]:
    return lambda source: [f"--input_data_dir={source}", f"--classification_task_name={task}"]


def _squad(source: str) -> list[str]:
    return ["--fine_tuning_task_type=squad", f"--squad_data_file={source}", "--doc_stride=128"]


def _pretraining(form: str) -> Callable[[str], list[str]]:
    return lambda source: [f"--input_file={source}", f"--input_format={form}", "--dupe_factor=1", "--do_lower_case"]


BOOKS = "corpus/[0-9]*.txt"
MATERIALS = {
    "MRPC, 128": Material("glue/MRPC", 128, 32, _glue("MRPC")),
    "CoLA, 128": Material("glue/CoLA", 128, 32, _glue("COLA")),
    "SQuAD, 384": Material("squad/train-v1.1-first-12-articles.json", 384, 16, _squad),
    "pre-training, 128": Material(BOOKS, 128, 32, _pretraining("paragraphs"), True),
    "pre-training, 512": Material(BOOKS, 512, 32, _pretraining("paragraphs"), True),
    "pre-training, 128, a paragraph a document": Material(BOOKS, 128, 32, _pretraining("sentences"), True),
}


def lengths_of(name: str, material: Material, options: PackingOptions) -> np.ndarray:
    """Tokens of each record, made where they are not there: int32 [N]."""
    from bert_tf2.data.records.record_set import RecordSet
    from bert_tf2.tasks.classification.features import classification_features

    work = pathlib.Path(files.expand(options.work_dir)).resolve() / name.replace(", ", "_").replace(" ", "_")
    source, path = pathlib.Path(options.data_dir).resolve(), work / "train.tf_record"
    if not path.exists():
        work.mkdir(parents=True, exist_ok=True)
        flags = [*material.command(f"{source / material.source}"), f"--max_seq_length={material.max_seq_length}"]
        flags += [f"--vocab_file={source / 'vocab' / 'uncased.txt'}", f"--meta_data_file_path={work / 'meta_data.json'}"]
        if material.is_pretraining:
            script, output = "create_pretraining_data.py", [f"--output_file={path}"]
        else:
            script, output = "create_finetuning_data.py", [f"--train_data_output_path={path}"]
            if material.source.startswith("glue"):
                output.append(f"--eval_data_output_path={work / 'eval.tf_record'}")
        subprocess.run([sys.executable, f"data_prep/{script}", *flags, *output], check=True)
    tokens = [spec for spec in classification_features() if spec.shape]
    return RecordSet.open(str(path), tokens).lengths


def ways(lengths: np.ndarray, material: Material, steps: int) -> Iterator[tuple[str, float, float]]:
    """What each way to make batches computes for an example: its name, slots, and slots times the length of their row."""
    from bert_tf2.data.batches.few_lengths import few_lengths
    from bert_tf2.data.batches.packed_plan import PackedPlan
    from bert_tf2.data.batches.plans import BatchPlan

    full, size = material.max_seq_length, material.batch_size
    yield "full rows", full, full**2
    plan = BatchPlan(lengths, size, seed=1)
    few = np.array(few_lengths(lengths, int(lengths.max())))
    longest = [(int(lengths[rows].max()), len(rows)) for rows in map(plan.rows, range(steps))]
    examples = sum(number for _, number in longest)
    # Where shapes are few the last batch of an epoch is as large as the others.
    of_few = [(int(few[np.searchsorted(few, length)]), size) for length, _ in longest]
    for name, batches in (("buckets", longest), (f"{len(few)} lengths", of_few)):
        yield name, *(sum(number * length**power for length, number in batches) / examples for power in (1, 2))
    for replicas in _REPLICAS:
        shape = PackedPlan(lengths, size, 1, full, replicas).pack_shape(steps)
        rows = shape.packs * replicas * steps / examples
        yield f"packs, {size // replicas} examples in {shape.packs}", rows * full, rows * full**2


def main(options: PackingOptions) -> None:
    """Prints a table for each material."""
    for name, material in MATERIALS.items():
        if not list(pathlib.Path(options.data_dir).glob(material.source)):
            print(f"SKIPPED {name}: no {os.path.join(options.data_dir, material.source)}; give the folder with --data_dir")
            continue
        lengths = lengths_of(name, material, options)
        steps = options.epochs * -(-len(lengths) // material.batch_size)
        print(
            f"\n{name}: {len(lengths):,} records, {lengths.mean():.1f} tokens on average, batches of {material.batch_size}\n\n"
            f"| batches | slots for an example | padding | multiply-adds for an example |\n|---|---|---|---|"
        )
        for way, slots, squares in ways(lengths, material, steps):
            work = _LAYERS * (12 * _WIDTH**2 * slots + 2 * _WIDTH * squares)
            print(f"| {way} | {slots:.1f} | {1 - lengths.mean() / slots:.1%} | {work / 1e9:.2f} G |", flush=True)


if __name__ == "__main__":
    cli.main(main, PackingOptions, __doc__)
