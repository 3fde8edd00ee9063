"""What the training runs on, whether it fits there, and how long it takes."""

import os
from collections.abc import Iterator

import tensorflow as tf

from bert_tf2.jobs.doctor.facts import Facts
from bert_tf2.jobs.doctor.findings import Finding, advice, fails, ok, wrong
from bert_tf2.jobs.doctor.machine import Memory, shown_bytes
from bert_tf2.jobs.doctor.measuring import DoesNotFit, Measured, seconds_of_training
from bert_tf2.progress import duration
from bert_tf2.training.distribution import describe, on_gpus

_DRIVER = "/dev/nvidiactl"
_LONG = 12 * 3600
_NEARLY_FULL = 0.9


def examine(facts: Facts) -> Iterator[Finding]:
    """Devices first, then what some real steps took there."""
    if facts.why_not_measured:
        yield ok(f"no step was measured: {facts.why_not_measured}")
        return
    yield from _devices(facts)
    if facts.does_not_fit is not None:
        yield _does_not_fit(facts.does_not_fit, facts.options.train_batch_size)
    measured = facts.measured
    if measured is None:
        return
    yield from _memory(measured)
    if not measured.finite:
        cure = "--dtype=fp32" if facts.options.dtype != "fp32" else "another --init_checkpoint: its weights are damaged"
        yield wrong("the loss of a first step is not finite", cure)
    yield from _time(facts, measured)


def _devices(facts: Facts) -> Iterator[Finding]:
    options, strategy = facts.options, facts.run.strategy
    if on_gpus(strategy):
        yield ok(f"{describe(strategy)} on GPU, {options.dtype}")
        return
    found = len(tf.config.list_physical_devices("GPU"))
    yield ok(f"{describe(strategy)} on CPU ({len(os.sched_getaffinity(0))} cores), {options.dtype}")
    if found and options.num_gpus == 0:
        yield advice(f"--num_gpus=0 leaves {found} GPU(s) unused", "--num_gpus=-1")
    elif not found and os.path.exists(_DRIVER):
        yield advice(
            "this machine has an NVIDIA driver, but TensorFlow finds no GPU and would train on the CPU",
            "pip install 'bert_tf2[gpu]', which brings CUDA's libraries",
        )


def _memory(measured: Measured) -> Iterator[Finding]:
    memory, longest = measured.memory, measured.longest
    size = f"{longest.rows} rows of {longest.tokens} tokens"
    if measured.parts > measured.asked_parts:
        yield ok(f"a batch goes through the model in {measured.parts} parts: more at once do not fit into memory")
    if memory.used is None:
        return
    yield ok(f"memory: {_used(memory)} at {size}, the longest step; it fits")
    if memory.there_is is not None and memory.used > _NEARLY_FULL * memory.there_is:
        yield advice("memory is nearly full", "--gradient_accumulation_steps=2, or --recompute")


def _used(memory: Memory) -> str:
    whole = "" if memory.there_is is None else f" of {shown_bytes(memory.there_is)}"
    return f"{shown_bytes(memory.used or 0)}{whole}" + (" of the GPU" if memory.of == "GPU" else "")


def _time(facts: Facts, measured: Measured) -> Iterator[Finding]:
    steps, evaluations = seconds_of_training(measured, facts.run, facts.data, facts.course)
    whole = (steps + evaluations) * facts.times
    longest, typical = measured.longest, measured.typical
    each = f"{typical.seconds:.2f} s at {typical.tokens} tokens"
    if longest.tokens != typical.tokens:
        each += f", {longest.seconds:.2f} s at {longest.tokens}"
    seeds = f" for {facts.times} seeds" if facts.times > 1 else ""
    price = facts.options.price_per_hour
    cost = f", at {price:g} an hour about {price * whole / 3600:.2f}" if price else ""
    unit = "hours" if whole >= 3600 else "minutes"
    says = f"about {duration(whole)} {unit}{seeds}{cost}, estimated from steps ({each}); evaluations at a third of that a token"
    if whole > _LONG:
        yield advice(says, "fewer --num_train_epochs, a GPU, a smaller model, or --freeze_layers")
    else:
        yield ok(says)


def _does_not_fit(error: DoesNotFit, batch_size: int) -> Finding:
    says = "a step of the longest rows does not fit into memory"
    if error.needed:
        says += f": it would take about {shown_bytes(error.needed)} of {shown_bytes(error.there_are)}"
    if error.parts > 1:
        return fails(says, f"--gradient_accumulation_steps={error.parts}: the same batch of {batch_size}, in parts")
    return fails(says, "--recompute, a smaller --max_seq_length, or a smaller model")
