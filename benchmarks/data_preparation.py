"""Compares data preparation with the model garden's `file_based_convert_examples_to_features`, run in turn in one process.

    python benchmarks/data_preparation.py --data_dir=path/to/data

The directory holds `glue/SST-2/train.tsv`, `glue/MRPC/train.tsv`, `zh/ChnSentiCorp/train.tsv` and `vocab/{uncased,chinese}.txt`.
The garden (`pip install tf-models-official`) gets its examples ready-made in a list and only its conversion is timed; ours is
timed from opening the text file to the renamed record file and metadata. Every run has a new tokenizer, so nothing
is remembered from the run before. The parsed features of both are compared, all of them.
"""

import argparse
import os
import statistics
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from official.nlp.data import classifier_data_lib
from official.nlp.tools import tokenization

from bert_tf2.data.features import classification_features
from bert_tf2.data.glue import create_processor
from bert_tf2.data.preparation import RecordOptions, prepare
from bert_tf2.data.records import parse_records
from bert_tf2.data.tabular import TabularOptions, TabularProcessor
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
    prepare(processor, source, tokenizer, {"train": path}, os.path.join(directory, "meta.json"), RecordOptions(_LENGTH))
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
        our_batch = parse_records(our_rows, specs, _LENGTH)
        for name, value in tf.io.parse_example(garden_rows, garden_features).items():
            if not np.array_equal(our_batch[names.get(name, name)].numpy(), value.numpy()):
                raise SystemExit(f"{name} differs between record {count} and {count + len(our_rows)}")
        count += len(our_rows)
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--runs", type=int, default=3, help="runs of each side, in turn")
    parser.add_argument("--tasks", nargs="*", default=["MRPC", "SST-2", "ChnSentiCorp"])
    arguments = parser.parse_args()
    print(f"{'data':14} {'rows':>7} {'garden s':>9} {'ours s':>7} {'ours rows/s':>12} {'ratio':>6}  features equal")
    for name in arguments.tasks:
        vocab_file = os.path.join(arguments.data_dir, "vocab", "chinese.txt" if name == "ChnSentiCorp" else "uncased.txt")
        processor, source = own_processor(name, arguments.data_dir)
        examples, labels = list(processor.get_train_examples(source)), processor.get_labels()
        seconds: dict[str, list[float]] = {"garden": [], "ours": []}
        with tempfile.TemporaryDirectory() as directory:
            for _ in range(arguments.runs):
                tokenizer = tokenization.FullTokenizer(vocab_file=vocab_file, do_lower_case=True)
                start = time.perf_counter()
                garden = prepare_garden(examples, labels, tokenizer, directory)
                seconds["garden"].append(time.perf_counter() - start)
                tokenizer = load_tokenizer(vocab_file=vocab_file)
                start = time.perf_counter()
                ours = prepare_ours(name, arguments.data_dir, tokenizer, directory)
                seconds["ours"].append(time.perf_counter() - start)
            equal = compare(ours, garden)
        median = {side: statistics.median(values) for side, values in seconds.items()}
        ratio = median["garden"] / median["ours"]
        rate = len(examples) / median["ours"]
        print(
            f"{name:14} {len(examples):7} {median['garden']:9.2f} {median['ours']:7.2f} {rate:12,.0f} {ratio:6.1f}  all {equal}"
        )


if __name__ == "__main__":
    main()
