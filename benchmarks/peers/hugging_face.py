"""Hugging Face transformers with PyTorch: BertForSequenceClassification, AdamW, linear decay, as in its example scripts.

`padding` is `max_length`, the default of its run_glue.py; `longest`, padding to the longest row of each batch; or `grouped`, the
same with batches of rows of like length, which its Trainer's `group_by_length` makes of the whole file.
"""

import csv
import random

import measure
import torch
import transformers
from length_grouped import length_grouped, spread


def main() -> None:
    """Trains for `steps` steps and prints their times."""
    job = measure.job()
    transformers.logging.set_verbosity_error()
    torch.manual_seed(1)
    random.seed(1)
    with open(job["tsv"], encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]
    if job["padding"] != "grouped":
        rows = rows[: job["steps"] * job["batch_size"]]
    tokenizer = transformers.BertTokenizerFast(job["vocab"])
    encoded = tokenizer(
        [row[3] for row in rows],
        [row[4] for row in rows],
        truncation=True,
        max_length=job["max_seq_length"],
        padding="max_length" if job["padding"] == "max_length" else False,
    )
    labels = [int(row[0]) for row in rows]
    if job["weights"]:
        model = transformers.BertForSequenceClassification.from_pretrained(job["weights"], num_labels=2)
    else:
        model = transformers.BertForSequenceClassification(transformers.BertConfig.from_json_file(job["config"]))
    model.train()
    decayed = [weight for name, weight in model.named_parameters() if not name.endswith("bias") and "LayerNorm" not in name]
    others = [weight for name, weight in model.named_parameters() if name.endswith("bias") or "LayerNorm" in name]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=2e-5)
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, 1, job["steps"])
    steps = measure.Steps()
    for chosen in _batches(job, [len(ids) for ids in encoded["input_ids"]]):
        batch = tokenizer.pad({name: [encoded[name][row] for row in chosen] for name in encoded}, return_tensors="pt")
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=job["dtype"] == "bf16"):
            loss = model(**batch, labels=torch.tensor([labels[row] for row in chosen])).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        loss.item()
        steps.ended(batch["input_ids"].numel())
    steps.report(job["warm_up"], job["batch_size"])


def _batches(job: dict, lengths: list[int]) -> list[list[int]]:
    if job["padding"] == "grouped":
        return spread(length_grouped(lengths, job["batch_size"]), job["steps"])
    order = random.sample(range(len(lengths)), len(lengths))
    return [order[start : start + job["batch_size"]] for start in range(0, len(order), job["batch_size"])]


if __name__ == "__main__":
    main()
