"""What the losses against a teacher are called, in options, logs and scalars."""

SOFT, HIDDEN, COSINE, ATTENTION, MINILM = "soft", "hidden", "cosine", "attention", "minilm"
LOSSES = (SOFT, HIDDEN, COSINE, ATTENTION, MINILM)


def measured_as(loss: str) -> str:
    """What logs, history and scalars call what is measured of one of `LOSSES`."""
    return f"{loss}_loss"
