"""Fine-tunes Hugging Face's BertForQuestionAnswering on SQuAD windows and writes its logits for others.

Batches are of rows of like length (megabatches of 50, as the length groups of its Trainer), padded to their longest.
"""

import json
import random

import measure
import numpy as np
import torch
import transformers
from hugging_face_squad import Training, batch_of

_MEGABATCH = 50
_PREDICT_BATCH = 32


def main() -> None:
    """Trains and writes `logits`."""
    job = measure.job()
    transformers.logging.set_verbosity_error()
    torch.manual_seed(job["seed"])
    order = random.Random(job["seed"])
    rows, size = _rows(job["train_rows"]), job["batch_size"]
    steps = -(-len(rows) // size) * job["epochs"]
    training = Training(
        job["weights"], job["dtype"], job["learning_rate"], int(steps * job["warmup_proportion"]), train_steps=steps
    )
    for _ in range(job["epochs"]):
        for batch in _length_grouped(rows, size, order):
            training.step(batch_of(batch))
    _write_logits(training.model.eval(), job)
    print("RESULT " + json.dumps({"steps": steps}), flush=True)


def _rows(path: str) -> list[dict]:
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _length_grouped(rows: list[dict], size: int, order: random.Random) -> list[list[dict]]:
    """All rows in batches; each batch's rows are of like length, the batches in random order."""
    shuffled = order.sample(rows, len(rows))
    batches = []
    for first in range(0, len(rows), size * _MEGABATCH):
        megabatch = sorted(shuffled[first : first + size * _MEGABATCH], key=lambda row: len(row["input_ids"]))
        batches += [megabatch[start : start + size] for start in range(0, len(megabatch), size)]
    order.shuffle(batches)
    return batches


def _write_logits(model: torch.nn.Module, job: dict) -> None:
    rows = _rows(job["predict_rows"])
    logits = np.zeros([2, len(rows), job["max_seq_length"]], np.float32)
    by_length = sorted(range(len(rows)), key=lambda row: -len(rows[row]["input_ids"]))
    with torch.no_grad():
        for first in range(0, len(rows), _PREDICT_BATCH):
            numbers = by_length[first : first + _PREDICT_BATCH]
            outputs = model(**batch_of([rows[number] for number in numbers]))
            for side, values in enumerate((outputs.start_logits, outputs.end_logits)):
                logits[side, numbers, : values.shape[1]] = values.numpy()
    np.savez(job["logits"], start_positions=logits[0], end_positions=logits[1])


if __name__ == "__main__":
    main()
