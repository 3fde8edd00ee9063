"""How much arithmetic a step of a BERT needs."""

from collections.abc import Mapping

FORMULA = (
    "TFLOP/s: (6 x P + 12 x layers x L x hidden) x slots/s / 10^12, a third of it in prediction. P: weights of the encoder's\n"
    "blocks. L: slots of a row; a slot is a place in a batch, padding included. Embeddings and heads are not counted, nor is\n"
    "what is computed twice."
)


def encoder_parameters(config: Mapping[str, int]) -> int:
    """Weights of the encoder's blocks, without embeddings and pooler."""
    width, inner = config["hidden_size"], config["intermediate_size"]
    attention = 4 * (width * width + width)
    feed_forward = 2 * width * inner + inner + width
    return config["num_hidden_layers"] * (attention + feed_forward + 4 * width)


def step_flop(config: Mapping[str, int], slots: float, attention_slots: float, trains: bool) -> float:
    """Multiplications and additions of a step.

    Args:
      config: of the model.
      slots: of the batch, rows times length.
      attention_slots: rows times length squared.
      trains: forward and backward pass; otherwise the forward pass alone, a third.
    """
    of_layers = 12 * config["num_hidden_layers"] * config["hidden_size"] * attention_slots
    return (6 * encoder_parameters(config) * slots + of_layers) / (1 if trains else 3)
