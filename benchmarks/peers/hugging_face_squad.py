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
        rows = json.load(file)
    model = transformers.BertForQuestionAnswering.from_pretrained(job["weights"])
    model.train()
    decayed = [weight for name, weight in model.named_parameters() if not name.endswith("bias") and "LayerNorm" not in name]
    others = [weight for name, weight in model.named_parameters() if name.endswith("bias") or "LayerNorm" in name]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=3e-5)
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, 1, job["steps"])
    random.shuffle(rows)
    steps = measure.Steps()
    for start in range(0, len(rows), job["batch_size"]):
        batch = _batch(rows[start : start + job["batch_size"]], job["max_seq_length"] if job["padding"] == "max_length" else None)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=job["dtype"] == "bf16"):
            loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        loss.item()
        steps.ended(batch["input_ids"].numel())
    steps.report(job["warm_up"], job["batch_size"])


def _batch(rows: list[dict], length: int | None) -> dict[str, torch.Tensor]:
    """Model inputs int64 [B, `length`], or as long as the longest row, and the answers' places int64 [B]."""
    length = length or max(len(row["input_ids"]) for row in rows)
    masks = [[1] * len(row["input_ids"]) for row in rows]

    def padded(lists: list[list[int]]) -> torch.Tensor:
        return torch.tensor([values + [0] * (length - len(values)) for values in lists])

    return {
        "input_ids": padded([row["input_ids"] for row in rows]),
        "attention_mask": padded(masks),
        "token_type_ids": padded([row["segment_ids"] for row in rows]),
        "start_positions": torch.tensor([row["start"] for row in rows]),
        "end_positions": torch.tensor([row["end"] for row in rows]),
    }


if __name__ == "__main__":
    main()
