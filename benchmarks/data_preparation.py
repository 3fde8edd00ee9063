"""Compares data preparation with the model garden's `file_based_convert_examples_to_features`, run in turn in one process.

    python benchmarks/data_preparation.py --data_dir=path/to/data

The directory holds `glue/SST-2/train.tsv`, `glue/MRPC/train.tsv`, `zh/ChnSentiCorp/train.tsv` and `vocab/{uncased,chinese}.txt`.
The garden (`pip install tf-models-official`) gets its examples ready-made in a list and only its conversion is timed; ours is
timed from opening the text file to the renamed record file and metadata, with all checks, statistics, digests and flushes to
the disk. The line "conversion alone" times ours as the garden's: from a list of examples to a closed file. Every run has a new
tokenizer, so nothing is remembered from the run before. The parsed features of both are compared, all of them. Beside
the ratio of the times that passed stands that of processor times, which other work on the machine disturbs less.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from official.nlp.data import classifier_data_lib
from official.nlp.tools import tokenization

from bert_tf2.data.records.parsing import parse_records
from bert_tf2.data.records.record_writer import RecordWriter
from bert_tf2.tasks.classification.features import classification_features
from bert_tf2.tasks.classification.preparation import ClassificationPreparation
from bert_tf2.tasks.classification.reading.glue import create_processor
from bert_tf2.tasks.classification.reading.tabular import TabularProcessor
from bert_tf2.tasks.classification.reading.tabular_options import TabularOptions
from bert_tf2.tasks.preparation import Split
from bert_tf2.tasks.record_making import RecordOptions, prepare, write
from bert_tf2.text.tokenizer import load_tokenizer

_LENGTH = 128


def own_processor(name: str, data_dir: str):
    """A new processor of one of the three data sets and the directory it reads."""
    if name == "ChnSentiCorp":
        file = os.path.join(data_dir, "zh", name, "train.tsv")
        return TabularProcessor(TabularOptions(train_file=file, text_column="0", label_column="1")), None
    return create_processor(name), os.path.join(data_dir, "glue", name)


def prepare_ours(name: str, data_dir: str, tokenizer, directory: str) -> str:
    """From the text file to records and metadata; returns the record file."""
    processor, source = own_processor(name, data_dir)
    path = os.path.join(directory, "ours.tf_record")
    preparation = ClassificationPreparation(processor, source, tokenizer, _LENGTH)
    prepare(preparation, {"train": path}, os.path.join(directory, "meta.json"), RecordOptions())
    return path


def convert_ours(examples: list, processor, tokenizer, directory: str) -> str:
    """As `prepare_garden`: only encoding and writing."""
    path = os.path.join(directory, "ours.tf_record")
    preparation = ClassificationPreparation(processor, None, tokenizer, _LENGTH)
    split = Split("train", path, lambda bad_rows: examples)
    preparation.begin(split)
    split.examples = iter(examples)
    writer = RecordWriter(path, preparation.features)
    write(split, writer, preparation)
    writer.publish()
    return path


def prepare_garden(examples: list, labels: list[str], tokenizer, directory: str) -> str:
    """The garden's conversion of a list of examples; returns the record file."""
    path = os.path.join(directory, "garden.tf_record")
    classifier_data_lib.file_based_convert_examples_to_features(examples, labels, _LENGTH, tokenizer, path)
    return path


def compare(ours: str, garden: str) -> int:
    """The number of records whose parsed features are equal in both files.

    Raises:
      SystemExit: any feature of any record differs.
    """
    per_token = {name: tf.io.FixedLenFeature([_LENGTH], tf.int64) for name in ("input_ids", "input_mask", "segment_ids")}
    garden_features = per_token | {name: tf.io.FixedLenFeature([], tf.int64) for name in ("label_ids", "example_id")}
    names = {"input_ids": "input_word_ids", "segment_ids": "input_type_ids"}
    specs, count = classification_features(), 0
    both = zip(tf.data.TFRecordDataset(ours).batch(512), tf.data.TFRecordDataset(garden).batch(512), strict=True)
    for our_rows, garden_rows in both:
        our_batch = parse_records(our_rows, specs, {"tokens": _LENGTH})
        for name, value in tf.io.parse_example(garden_rows, garden_features).items():
            if not np.array_equal(our_batch[names.get(name, name)].numpy(), value.numpy()):
                raise SystemExit(f"{name} differs between record {count} and {count + len(our_rows)}")
        count += len(our_rows)
    return count


def timed(seconds: list[tuple[float, float]], function: Callable, *arguments) -> str:
    """Calls the function and appends how much time passed and how much the processor worked."""
    start, start_of_work = time.perf_counter(), time.process_time()
    result = function(*arguments)
    seconds.append((time.perf_counter() - start, time.process_time() - start_of_work))
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--runs", type=int, default=3, help="runs of each side, in turn")
    parser.add_argument("--tasks", nargs="*", default=["MRPC", "SST-2", "ChnSentiCorp"])
    arguments = parser.parse_args()
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors; medians of {arguments.runs} runs")
    print(
        f"{'data':30} {'rows':>6} {'garden s':>9} {'ours s':>7} {'ours rows/s':>12} {'ratio':>6} {'of work':>8}  features equal"
    )
    for name in arguments.tasks:
        measure(name, arguments.data_dir, arguments.runs)


def measure(name: str, data_dir: str, runs: int) -> None:
    """Runs both sides in turn on one data set and prints its lines."""
    vocab_file = os.path.join(data_dir, "vocab", "chinese.txt" if name == "ChnSentiCorp" else "uncased.txt")
    processor, source = own_processor(name, data_dir)
    examples, labels = list(processor.get_train_examples(source)), processor.get_labels()
    seconds: dict[str, list[tuple[float, float]]] = {"garden": [], name: [], f"{name}, conversion alone": []}
    whole, alone = list(seconds)[1:]
    with tempfile.TemporaryDirectory() as directory:
        for _ in range(runs):
            tokenizer = tokenization.FullTokenizer(vocab_file=vocab_file, do_lower_case=True)
            garden = timed(seconds["garden"], prepare_garden, examples, labels, tokenizer, directory)
            timed(seconds[alone], convert_ours, examples, processor, load_tokenizer(vocab_file=vocab_file), directory)
            ours = timed(seconds[whole], prepare_ours, name, data_dir, load_tokenizer(vocab_file=vocab_file), directory)
        equal = compare(ours, garden)
    median = {line: [statistics.median(values) for values in zip(*runs)] for line, runs in seconds.items()}
    garden_passed, garden_worked = median["garden"]
    for line in (whole, alone):
        passed, worked = median[line]
        print(
            f"{line:30} {len(examples):6} {garden_passed:9.2f} {passed:7.3f} {len(examples) / passed:12,.0f} "
            f"{garden_passed / passed:6.1f} {garden_worked / worked:8.1f}  {f'all {equal}' if line == whole else ''}".rstrip()
        )


if __name__ == "__main__":
    main()
