"""What a training step costs with its first layers frozen, or with adapters alone trained (LoRA), beside the whole one.

    python benchmarks/freezing.py --hidden_size=384 --layers=6 --batch_size=32 --length=128

A BERT of that size with random weights on full rows, the steps of all variants in turn; and what the arithmetic allows. A layer's
products take the same time forward as each of the two ways back (to its inputs and to its weights), so that of L layers with k
frozen a step takes (L + 2 (L - k)) / 3 L of the whole one, and with adapters alone 2 / 3: less can only be what is not a product.
"""

import dataclasses
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from bert_tf2 import cli
from bert_tf2.options import Options, at_least, option


@dataclasses.dataclass(frozen=True)
class FreezingOptions(Options):
    """The model, its rows and how often to measure."""

    hidden_size: int = option(384, "Width of the model; heads are of 32.", check=at_least(32))
    layers: int = option(6, "Number of layers.", check=at_least(1))
    batch_size: int = option(32, "Rows of a step.", check=at_least(1))
    length: int = option(128, "Tokens of a row.", check=at_least(1))
    rank: int = option(8, "Of the adapters.", check=at_least(1))
    rounds: int = option(9, "Steps of each variant that count.", check=at_least(1))
    enable_xla: bool = option(False, "Compile the steps.")


@dataclasses.dataclass(frozen=True)
class Variant:
    """A step.

    Attributes:
      title: of its row.
      frozen: how many layers, 0 for the embeddings alone; None for nothing.
      targets: the layers of a block that have adapters; without them there are none.
    """

    title: str
    frozen: int | None = None
    targets: tuple[str, ...] = ()

    def bound(self, layers: int) -> float:
        """How many times as fast it can be by the products."""
        return 1.5 if self.targets else 3 * layers / (3 * layers - 2 * (self.frozen or 0))


def variants_of(options: FreezingOptions) -> list[Variant]:
    """What is measured, the whole step first."""
    frozen = sorted({options.layers // 2, 2 * options.layers // 3, options.layers} - {0})
    every = ("query", "key", "value", "attention_output", "intermediate", "output")
    return [
        Variant("everything trained"),
        Variant("embeddings frozen", 0),
        *(Variant(f"embeddings, {layers} layers frozen", layers) for layers in frozen),
        Variant(f"LoRA {options.rank}: query, value", targets=("query", "value")),
        Variant(f"LoRA {options.rank}: all six", targets=every),
    ]


def main(options: FreezingOptions) -> None:
    """Measures the steps in turn and prints a table."""
    variants = variants_of(options)
    steps = [_step(options, variant) for variant in variants]
    times: list[list[float]] = [[] for _ in variants]
    for number in range(options.rounds + 2):
        for taken, run in zip(times, steps):
            begin = time.perf_counter()
            run(number)
            taken.append(time.perf_counter() - begin)
    medians = [statistics.median(taken[2:]) for taken in times]
    print(f"{options.layers} layers of {options.hidden_size}, {options.batch_size} rows of {options.length} tokens")
    print(f"{'':<28}{'ms a step':>10}{'times as fast':>16}{'by the products':>18}")
    for variant, median in zip(variants, medians):
        bound = variant.bound(options.layers)
        print(f"{variant.title:<28}{1000 * median:>10.1f}{medians[0] / median:>16.2f}{bound:>18.2f}")


def _step(options: FreezingOptions, variant: Variant):
    """A step of a model of its own, by its number."""
    import numpy as np
    import tensorflow as tf

    from bert_tf2.models.config import BertConfig
    from bert_tf2.models.encoder_layers import freeze
    from bert_tf2.models.families.base import family_of
    from bert_tf2.models.parameter_efficient.adapters import adapt
    from bert_tf2.tasks.classification.task import ClassificationTask
    from bert_tf2.tensorflow_internals import create_slots
    from bert_tf2.training.optimization import create_optimizer
    from bert_tf2.training.train_step import TrainStep

    config = BertConfig(
        vocab_size=30522,
        hidden_size=options.hidden_size,
        num_hidden_layers=options.layers,
        num_attention_heads=options.hidden_size // 32,
        intermediate_size=4 * options.hidden_size,
    )
    task = ClassificationTask(["no", "yes"])
    encoder = family_of(config).build(config, output_range=1)
    model = task.build_model(encoder)
    if variant.targets:
        adapt(encoder, variant.targets, options.rank, 1.0)
    elif variant.frozen is not None:
        freeze(encoder, variant.frozen)
    optimizer = create_optimizer(1e-5)
    create_slots(optimizer, model.trainable_variables)
    shape = [options.batch_size, options.length]
    batch = {
        "input_word_ids": tf.constant(np.random.default_rng(1).integers(1, 30522, shape), tf.int32),
        "input_mask": tf.ones(shape, tf.int32),
        "input_type_ids": tf.zeros(shape, tf.int32),
        "label_ids": tf.zeros([options.batch_size], tf.int32),
        "example_weight": tf.ones([options.batch_size]),
    }
    iterator = iter(tf.data.Dataset.from_tensors(batch).repeat())
    step = TrainStep(task, model, optimizer, tf.distribute.get_strategy(), seed=1, enable_xla=options.enable_xla)

    def run(number: int) -> None:
        float(step.run(iterator, number, 1).loss_sum)

    return run


if __name__ == "__main__":
    cli.main(main, FreezingOptions, __doc__)
