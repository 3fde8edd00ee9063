"""Hugging Face transformers with PyTorch on SQuAD: BertForQuestionAnswering, AdamW, linear decay, as in its example scripts.

`padding` is `max_length`, the default of its run_qa.py, or `longest`, padding to the longest row of each batch. The token ids
are the records' own, read ready-made; its scripts too tokenize before training.
"""

import json
import random

import measure
import torch
import transformers


def main() -> None:
    """Trains for `steps` steps and prints their times."""
    job = measure.job()
    transformers.logging.set_verbosity_error()
    torch.manual_seed(1)
    random.seed(1)
    with open(job["token_ids"], encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    training = Training(job["weights"], job["dtype"], 3e-5, warmup_steps=1, train_steps=job["steps"])
    random.shuffle(rows)
    steps = measure.Steps()
    for start in range(0, len(rows), job["batch_size"]):
        batch = batch_of(
            rows[start : start + job["batch_size"]], job["max_seq_length"] if job["padding"] == "max_length" else None
        )
        training.step(batch)
        steps.ended(batch["input_ids"].numel())
    steps.report(job["warm_up"], job["batch_size"])


class Training:
    """A model and its optimizer as in run_qa.py.

    AdamW without decay of biases and layer norms, and a rate that decays linearly from the end of the warm-up.
    """

    def __init__(self, weights: str, dtype: str, learning_rate: float, warmup_steps: int, train_steps: int):
        self.model = transformers.BertForQuestionAnswering.from_pretrained(weights)
        self.model.train()
        self._dtype = dtype
        named = list(self.model.named_parameters())
        decayed = [weight for name, weight in named if not name.endswith("bias") and "LayerNorm" not in name]
        others = [weight for name, weight in named if name.endswith("bias") or "LayerNorm" in name]
        groups = [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
        self._optimizer = torch.optim.AdamW(groups, lr=learning_rate)
        self._schedule = transformers.get_linear_schedule_with_warmup(self._optimizer, warmup_steps, train_steps)

    def step(self, batch: dict[str, torch.Tensor]) -> float:
        """One update, gradients clipped to norm 1; the loss before it."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._dtype == "bf16"):
            loss = self.model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimizer.step()
        self._schedule.step()
        self._optimizer.zero_grad()
        return loss.item()


def batch_of(rows: list[dict], length: int | None = None) -> dict[str, torch.Tensor]:
    """Model inputs int64 [B, `length`], or as long as the longest row, and the answers' places int64 [B] where there are any."""
    length = length or max(len(row["input_ids"]) for row in rows)
    masks = [[1] * len(row["input_ids"]) for row in rows]

    def padded(lists: list[list[int]]) -> torch.Tensor:
        return torch.tensor([values + [0] * (length - len(values)) for values in lists])

    batch = {
        "input_ids": padded([row["input_ids"] for row in rows]),
        "attention_mask": padded(masks),
        "token_type_ids": padded([row["segment_ids"] for row in rows]),
    }
    if "start_positions" in rows[0]:
        batch |= {name: torch.tensor([row[name] for row in rows]) for name in ("start_positions", "end_positions")}
    return batch


if __name__ == "__main__":
    main()
