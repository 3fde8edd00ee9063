"""Vectors of sentences beside transformers' TFBertModel and sentence-transformers, in turn, a process for each turn.

    python benchmarks/vectors.py --weights=demo_output/weights --sentence_transformers_python=/path/to/python

The sentences are the first 2,000 of SST-2's training file (`../shared/data/glue/SST-2`, or `--input_file`, a column `sentence`).
transformers takes them 32 at a time in their order, padded to the longest of each batch, as it is and by `tf.function`; with a
Python that has sentence-transformers its `SentenceTransformer.encode` takes part, 32 of like length at a time, with PyTorch. All
sides pool by the mean, and the vectors are compared with ours. `bert_tf2, int8` is `--quantize=int8`. Loading, conversion and a
first pass over 64 sentences are not counted. Processor time of PyTorch holds what its threads spend waiting.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np

SIDES = ("bert_tf2", "transformers", "transformers, tf.function", "sentence-transformers", "bert_tf2, int8")
BATCH, WARM_UP = 32, 64
Encode = Callable[[list[str]], np.ndarray]


def ours(weights: str, quantize: str) -> Encode:
    """What `extract_features --pooling=mean` computes."""
    from bert_tf2.api import TextEncoder

    encoder = TextEncoder.from_checkpoint(weights, pooling="mean", max_seq_length=128, quantize=quantize)
    return lambda texts: encoder.encode(texts, batch_size=BATCH)


def of_transformers(weights: str, in_graph: bool) -> Encode:
    """Batch after batch through TFBertModel."""
    import tensorflow as tf
    from safetensors.numpy import load_file
    from transformers import BertConfig, BertTokenizerFast, TFBertModel
    from transformers.modeling_tf_pytorch_utils import load_pytorch_state_dict_in_tf2_model

    model = TFBertModel(BertConfig.from_pretrained(weights))
    model = load_pytorch_state_dict_in_tf2_model(model, load_file(f"{weights}/model.safetensors"), allow_missing_keys=True)
    tokenizer = BertTokenizerFast(f"{weights}/vocab.txt", do_lower_case=True)

    def pooled(inputs):
        states = model(inputs, training=False).last_hidden_state
        mask = tf.cast(inputs["attention_mask"], tf.float32)[..., tf.newaxis]
        return tf.reduce_sum(states * mask, 1) / tf.reduce_sum(mask, 1)

    compute = tf.function(pooled, reduce_retracing=True) if in_graph else pooled

    def encode(texts: list[str]) -> np.ndarray:
        found = []
        for first in range(0, len(texts), BATCH):
            inputs = tokenizer(texts[first : first + BATCH], padding=True, truncation=True, max_length=128, return_tensors="tf")
            found.append(compute(dict(inputs)).numpy())
        return np.concatenate(found)

    return encode


def of_sentence_transformers(weights: str) -> Encode:
    """The library's own way with a folder of transformers: sorted by length, padded to the longest of each batch, the mean."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(weights, device="cpu")
    model.max_seq_length = 128
    return lambda texts: model.encode(texts, batch_size=BATCH, show_progress_bar=False)


def turn(side: str, weights: str, texts: list[str], vectors: str) -> None:
    """Prints the seconds of one side as JSON, and leaves its vectors."""
    if side == SIDES[3]:
        encode = of_sentence_transformers(weights)
    elif side in (SIDES[0], SIDES[4]):
        encode = ours(weights, "int8" if side == SIDES[4] else "none")
    else:
        encode = of_transformers(weights, side == SIDES[2])
    encode(texts[:WARM_UP])
    start, before = time.perf_counter(), time.process_time()
    found = encode(texts)
    print(json.dumps({"seconds": time.perf_counter() - start, "cpu": time.process_time() - before}))
    np.save(vectors, found)


def read_texts(path: str, count: int) -> list[str]:
    """The first sentences of a table with a header."""
    header, *rows = pathlib.Path(path).read_text(encoding="utf-8").splitlines()[: count + 1]
    place = header.split("\t").index("sentence")
    return [row.split("\t")[place].strip() for row in rows]


def main() -> None:
    shared = pathlib.Path(__file__).resolve().parents[2] / "shared" / "data" / "glue" / "SST-2" / "train.tsv"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True, help="a Hugging Face folder with a BERT")
    parser.add_argument("--input_file", default=str(shared))
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    parser.add_argument("--sentence_transformers_python", help="a Python that has sentence-transformers; absent without it")
    parser.add_argument("--sides", help="of these alone, with a semicolon between them")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--vectors", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not os.path.isfile(arguments.input_file):
        sys.exit(f"no sentences: {arguments.input_file}; give --input_file")
    texts = read_texts(arguments.input_file, arguments.texts)
    if arguments.side:
        turn(arguments.side, arguments.weights, texts, arguments.vectors)
        return
    sides = [side for side in SIDES if not arguments.sides or side in arguments.sides.split(";")]
    if SIDES[3] in sides and not arguments.sentence_transformers_python:
        print(f"SKIPPED: {SIDES[3]}; give a Python that has it with --sentence_transformers_python")
        sides.remove(SIDES[3])
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    cpu: dict[str, list[float]] = {side: [] for side in sides}
    with tempfile.TemporaryDirectory() as folder:
        paths = {side: os.path.join(folder, f"{place}.npy") for place, side in enumerate(sides)}
        for _ in range(arguments.rounds):
            for side in sides:
                python = arguments.sentence_transformers_python if side == SIDES[3] else sys.executable
                command = [python, __file__, *sys.argv[1:], f"--side={side}", f"--vectors={paths[side]}"]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    sys.exit(f"{side} failed:\n{done.stderr[-2000:]}")
                told = json.loads(done.stdout.splitlines()[-1])
                seconds[side].append(told["seconds"])
                cpu[side].append(told["cpu"])
        vectors = {side: np.load(path) for side, path in paths.items()}
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors; {len(texts)} texts, medians")
    print(f"{'side':28}{'texts/s':>10}{'ours is':>10}{'CPU ms':>10}{'differs by':>12}{'least cosine':>14}")
    median = {side: statistics.median(values) for side, values in seconds.items()}
    for side in sides:
        one, other = vectors[side], vectors[sides[0]]
        lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        cosine, apart = ((one * other).sum(1) / lengths).min(), np.abs(one - other).max()
        rate, cost = len(texts) / median[side], statistics.median(cpu[side]) / len(texts) * 1000
        print(f"{side:28}{rate:>10,.0f}{median[side] / median[sides[0]]:>9.2f}x{cost:>10.2f}{apart:>12.1e}{cosine:>14.5f}")


if __name__ == "__main__":
    main()
