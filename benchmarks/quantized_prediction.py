"""Predicting with weights of 8 bits beside float32: the same rows and weights in turn, by the code behind `--mode=predict`.

    python benchmarks/quantized_prediction.py --model=base

Rows are the first `--rows` of SST-2's development set, the model one of BERT-Base's size or MiniLM's with random weights.
Processor time changes little when the machine does other things; both sides have all threads.
"""

import dataclasses
import os
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from bert_tf2 import cli, files
from bert_tf2.options import Options, at_least, option

SIZES = {"minilm": (384, 6, 12, 1536), "base": (768, 12, 12, 3072)}


@dataclasses.dataclass(frozen=True)
class QuantizedPredictionOptions(Options):
    """What predicts, and how often."""

    data_dir: str = option("../shared/data/glue/SST-2", "Directory of SST-2's dev.tsv.")
    vocab_file: str = option("../shared/data/vocab/uncased.txt", "The vocabulary.")
    model: str = option("base", "minilm or base: of that size, with random weights.", choices=tuple(SIZES))
    rows: int = option(256, "So many texts.", check=at_least(1))
    batch_size: int = option(32, "Texts at a time.", check=at_least(1))
    max_seq_length: int = option(128, "Longest text in tokens.", check=at_least(3))
    full: bool = option(False, "Fill every row to that length, by texts one behind the other.")
    turns: int = option(3, "How often both have their turn.", check=at_least(1))


def main(options: QuantizedPredictionOptions) -> None:
    """Prints rows a second and processor time of both sides, and the ratio of medians."""
    path = os.path.join(files.expand(options.data_dir), "dev.tsv")
    if not os.path.isfile(path):
        print(f"SKIPPED: no {path}; give SST-2's directory with --data_dir")
        return
    import numpy as np
    import tf_keras

    from bert_tf2.exporting.quantized_here import quantized_run, sums_whole
    from bert_tf2.jobs.trained import running
    from bert_tf2.models.config import BertConfig
    from bert_tf2.models.encoder import build_encoder
    from bert_tf2.models.encoder_parts import INPUT_NAMES
    from bert_tf2.tasks.classification.task import ClassificationTask
    from bert_tf2.tasks.portable import of_rows
    from bert_tf2.text.wordpiece import WordPieceTokenizer

    hidden, layers, heads, inner = SIZES[options.model]
    config = BertConfig(
        vocab_size=30522,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=inner,
    )
    tf_keras.utils.set_random_seed(1)
    portable = of_rows(ClassificationTask(["0", "1"]).build_model(build_encoder(config, output_range=1)))
    tokenizer = WordPieceTokenizer(files.expand(options.vocab_file))
    texts = [line.split("\t")[0] for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines()[1:]]
    texts = [" ".join(texts[row : row + 20]) if options.full else texts[row] for row in range(min(options.rows, len(texts)))]
    room = options.max_seq_length - 2
    ids = sorted(([101, *tokenizer.encode(text)[:room], 102] for text in texts), key=len)
    batches = []
    for first in range(0, len(ids), options.batch_size):
        some = ids[first : first + options.batch_size]
        words, mask = (np.zeros((len(some), len(some[-1])), np.int32) for _ in range(2))
        for row, one in enumerate(some):
            words[row, : len(one)], mask[row, : len(one)] = one, 1
        batches.append(dict(zip(INPUT_NAMES, (words, mask, np.zeros_like(mask)))))
    sides = {"fp32": running.original(portable), "int8": quantized_run(portable.outputs)}
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for turn in range(options.turns + 1):
        for name, run in sides.items():
            begin, used = time.perf_counter(), time.process_time()
            for batch in batches:
                run(batch)
            if turn:
                rates[name].append((time.perf_counter() - begin, time.process_time() - used))
    tokens = np.mean([len(one) for one in ids])
    print(f"{options.model}, {len(ids)} texts of {tokens:.0f} tokens, VNNI: {'yes' if sums_whole() else 'no'}")
    medians = {name: [statistics.median(one) for one in zip(*some)] for name, some in rates.items()}
    for name, (seconds, used) in medians.items():
        print(f"{name}: {len(ids) / seconds:7.1f} texts/s, {1000 * used / len(ids):6.1f} ms of processor time a text")
    whole, quantized = medians.values()
    print(f"int8 by fp32: {whole[0] / quantized[0]:.2f} by the clock, {whole[1] / quantized[1]:.2f} by processor time")


if __name__ == "__main__":
    cli.main(main, QuantizedPredictionOptions, __doc__)
