"""Hugging Face transformers with PyTorch on a GPU (or a CPU): SDPA, fused AdamW, TF32; as it is or by `torch.compile`.

The rows are those of bert_tf2's records as arrays; batches are made and pinned before the measurement; no step is waited for.
"""

import random
import resource
import time
from collections.abc import Iterator

import clock  # first: its time begins here
import measure
import numpy as np
import torch
import transformers

MODELS = {
    "mrpc": transformers.BertForSequenceClassification,
    "squad": transformers.BertForQuestionAnswering,
    "pretraining": transformers.BertForPreTraining,
}


def main() -> None:
    """Trains or predicts until enough was measured."""
    job = measure.job()
    transformers.logging.set_verbosity_error()
    torch.manual_seed(1)
    random.seed(1)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = True
    device = "cuda" if job["num_gpus"] else "cpu"
    model = MODELS[job["task"]](transformers.BertConfig.from_json_file(job["config"])).to(device)
    attention = model.config._attn_implementation
    assert attention == "sdpa", f"attention is {attention}, not sdpa"
    batches = list(_batches(job, pin=bool(job["num_gpus"])))
    (_predict if job["part"] == "prediction" else _train)(job, model, batches, device)


def _train(job: dict, model: torch.nn.Module, batches: list[dict], device: str) -> None:
    model.train()
    named = list(model.named_parameters())
    decayed = [weight for name, weight in named if not name.endswith("bias") and "LayerNorm" not in name]
    others = [weight for name, weight in named if name.endswith("bias") or "LayerNorm" in name]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=2e-5, fused=True)
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, 1, 100_000)
    forward = torch.compile(model) if job["compiles"] else model

    def step(batch: dict) -> torch.Tensor:
        batch = _moved(batch, device)
        with torch.autocast(device, dtype=torch.bfloat16, enabled=job["dtype"] == "bf16"):
            loss = forward(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        return loss

    _measure(job, batches, device, step)


def _predict(job: dict, model: torch.nn.Module, batches: list[dict], device: str) -> None:
    model.eval()
    forward = torch.compile(model) if job["compiles"] else model

    @torch.inference_mode()
    def step(batch: dict) -> torch.Tensor:
        batch = _moved({name: values for name, values in batch.items() if name != "labels"}, device)
        with torch.autocast(device, dtype=torch.bfloat16, enabled=job["dtype"] == "bf16"):
            logits = forward(**batch).logits
        # A predictor takes every result home.
        return logits.float().cpu()[0, 0]

    _measure(job, batches, device, step)


def _measure(job: dict, batches: list[dict], device: str, step) -> None:
    times = clock.Clock(job)
    begin = time.perf_counter()
    step(batches[0]).item()
    times.first_step(batches[0]["input_ids"].shape[1], time.perf_counter() - begin, lengths=1)
    for number in range(1, job["warm_up"]):
        loss = step(batches[number % len(batches)])
    loss.item()
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    times.begin()
    number = 0
    while True:
        batch = batches[number % len(batches)]
        loss = step(batch)
        number += 1
        rows, length = batch["input_ids"].shape
        if times.step(rows, length, int(batch["attention_mask"].sum())):
            loss.item()
            if times.waited():
                break
    if device == "cuda":
        peak = torch.cuda.max_memory_allocated() / 2**20
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    times.tell(peak_mb=peak, versions=f"torch {torch.__version__}, transformers {transformers.__version__}")


def _moved(batch: dict, device: str) -> dict:
    return {name: values.to(device, non_blocking=True) for name, values in batch.items()}


def _batches(job: dict, pin: bool) -> Iterator[dict[str, torch.Tensor]]:
    """One epoch in random order, without the last batch where it is smaller; predictions are made in order of length."""
    rows = _rows(job["arrays"])
    if job["part"] == "prediction":
        rows.sort(key=lambda row: len(row["input_ids"]))
    else:
        random.shuffle(rows)
    size = job["batch_size"]
    for start in range(0, len(rows) - size + 1, size):
        some = rows[start : start + size]
        length = job["max_seq_length"] if job["padding"] == "max_length" else max(len(row["input_ids"]) for row in some)
        batch = {
            "input_ids": _padded(some, "input_ids", length),
            "attention_mask": _padded(some, "input_mask", length),
            "token_type_ids": _padded(some, "segment_ids", length),
        } | _labels(job["task"], some, length)
        yield {name: values.pin_memory() for name, values in batch.items()} if pin else batch


def _labels(task: str, rows: list[dict], length: int) -> dict[str, torch.Tensor]:
    def scalars(name: str) -> torch.Tensor:
        return torch.tensor([int(row[name][0]) for row in rows])

    if task == "mrpc":
        return {"labels": scalars("label_ids")}
    if task == "squad":
        return {name: scalars(name) for name in ("start_positions", "end_positions")}
    labels = torch.full([len(rows), length], -100)
    for number, row in enumerate(rows):
        real = row["masked_lm_weights"] > 0
        labels[number, row["masked_lm_positions"][real]] = torch.tensor(row["masked_lm_ids"][real], dtype=torch.long)
    return {"labels": labels, "next_sentence_label": scalars("next_sentence_labels")}


def _padded(rows: list[dict], name: str, length: int) -> torch.Tensor:
    values = np.zeros([len(rows), length], np.int64)
    for number, row in enumerate(rows):
        values[number, : len(row[name])] = row[name]
    return torch.from_numpy(values)


def _rows(path: str) -> list[dict[str, np.ndarray]]:
    with np.load(path) as arrays:
        names = [name for name in arrays if not name.endswith("_counts")]
        of_rows = {name: np.split(arrays[name], np.cumsum(arrays[f"{name}_counts"])[:-1]) for name in names}
    return [dict(zip(of_rows, row)) for row in zip(*of_rows.values())]


if __name__ == "__main__":
    main()
