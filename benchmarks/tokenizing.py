"""Tokenizers of subwords beside the libraries that write the same ids, in turn in one process.

    python benchmarks/tokenizing.py --data_dir=path/to/data

The directory holds `vocab/roberta/{vocab.json,merges.txt}`, `vocab/albert-30k-clean.model` and `corpus/*.txt`, whose lines are
tokenized. transformers (`pip install transformers`) has a slow and a fast class for either; `tokenizers` is the library under its
fast ones.
Every turn has a new tokenizer, so nothing is remembered from the turn before, and the ids of all sides are compared.
"""

import argparse
import os
import pathlib
import statistics
import time
import warnings
from collections.abc import Callable, Iterable

from bert_tf2.text.tokenizer import load_tokenizer

Encode = Callable[[list[str]], list[list[int]]]


def byte_level_sides(folder: str) -> dict[str, Callable[[], Encode]]:
    """Makers of functions from lines to the ids of RoBERTa's pieces."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaTokenizer

    paths = [os.path.join(folder, name) for name in ("vocab.json", "merges.txt")]
    return {
        "bert_tf2": lambda: one_by_one(load_tokenizer(vocab_file=folder).encode),
        "tokenizers": lambda: in_a_batch(ByteLevelBPETokenizer(*paths)),
        "transformers, slow": lambda: of_transformers(RobertaTokenizer(*paths)),
    }


def sentencepiece_sides(model: str) -> dict[str, Callable[[], Encode]]:
    """Makers of functions from lines to the ids of ALBERT's pieces."""
    from transformers import AlbertTokenizer, AlbertTokenizerFast

    return {
        "bert_tf2": lambda: one_by_one(load_tokenizer(sp_model_file=model, tokenization="SentencePiece").encode),
        "tokenizers": lambda: in_a_batch(AlbertTokenizerFast(model).backend_tokenizer),
        "transformers, slow": lambda: of_transformers(AlbertTokenizer(model)),
    }


def one_by_one(encode: Callable[[str], Iterable[int]]) -> Encode:
    """Of a function for one text one for many."""
    return lambda texts: [list(encode(text)) for text in texts]


def of_transformers(tokenizer) -> Encode:
    """A function for many texts of a slow tokenizer of transformers."""
    return one_by_one(lambda text: tokenizer.encode(text, add_special_tokens=False))


def in_a_batch(tokenizer) -> Encode:
    """A function for many texts of a tokenizer of `tokenizers`."""
    return lambda texts: [one.ids for one in tokenizer.encode_batch(texts, add_special_tokens=False)]


def measure(name: str, sides: dict[str, Callable[[], Encode]], lines: list[str], rounds: int) -> None:
    """Prints a line for every side."""
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    ids = {}
    for _ in range(rounds):
        for side, make in sides.items():
            encode = make()
            start = time.perf_counter()
            ids[side] = encode(lines)
            seconds[side].append(time.perf_counter() - start)
    median = {side: statistics.median(values) for side, values in seconds.items()}
    for side in sides:
        equal = sum(own == other for own, other in zip(ids["bert_tf2"], ids[side], strict=True))
        rate, ratio = len(lines) / median[side], median[side] / median["bert_tf2"]
        print(f"{name:16}{side:20}{rate:>12,.0f}{ratio:>10.2f}{equal:>10} of {len(lines)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    parser.add_argument("--every", type=int, default=8, help="every so manieth line of the books")
    arguments = parser.parse_args()
    data = pathlib.Path(arguments.data_dir)
    text = (path.read_text(encoding="utf-8") for path in sorted((data / "corpus").glob("*.txt")))
    lines = [line for whole in text for line in whole.splitlines() if line.strip()][:: arguments.every]
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors; medians of {arguments.rounds} rounds")
    print(f"{'tokens':16}{'side':20}{'lines/s':>12}{'x ours':>10}{'equal ids':>10}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        measure("byte-level BPE", byte_level_sides(str(data / "vocab" / "roberta")), lines, arguments.rounds)
        measure("SentencePiece", sentencepiece_sides(str(data / "vocab" / "albert-30k-clean.model")), lines, arguments.rounds)


if __name__ == "__main__":
    main()
