"""Where the training writes: may it, is there room, and is there a training already."""

from collections.abc import Iterator

from bert_tf2 import files
from bert_tf2.jobs.doctor.facts import Facts
from bert_tf2.jobs.doctor.findings import Finding, advice, fails, ok
from bert_tf2.jobs.doctor.machine import free_disk, nearest_directory, shown_bytes
from bert_tf2.training import checkpointing

_BYTES = 4


def examine(facts: Facts) -> Iterator[Finding]:
    """Checkpoints against free disk, and what the directory holds."""
    place, steps = facts.place, facts.course.schedule.train_steps
    begun = checkpointing.latest_step(facts.run.directory.path)
    if begun is not None and begun >= steps:
        yield advice(f"{place} holds this training, and it is finished (step {begun:,})", "another --model_dir to train anew")
    elif begun is not None:
        yield ok(f"{place} holds this training at step {begun:,}: it goes on from there")
    if files.is_remote(place):
        yield ok(f"{place} is remote: whether it can be written to, and its room, were not looked at")
        return
    if facts.measured is None:
        return
    # Weights, and for each that is trained two moments and perhaps an average.
    slots = 2 + (facts.options.ema_decay is not None)
    each = _BYTES * (facts.measured.weights + slots * facts.measured.trained)
    kept = _kept(facts)
    needed, free = each * kept * facts.times, free_disk(place)
    seeds = f" for each of {facts.times} seeds" if facts.times > 1 else ""
    says = f"up to {kept} checkpoints of {shown_bytes(each)} at once{seeds}, {shown_bytes(needed)}; {shown_bytes(free)} are free"
    if needed > free:
        yield fails(f"disk: {says} at {nearest_directory(place)}", "--keep_checkpoint_max=1, or a --model_dir with more room")
    else:
        yield ok(f"disk: {says}")


def _kept(facts: Facts) -> int:
    """The most checkpoints that are there at once: the newest, the best, and the one that is being written."""
    options, schedule = facts.options, facts.course.schedule
    saves = -(-schedule.train_steps // (options.save_checkpoints_steps or schedule.save_every_steps or schedule.train_steps))
    kept = saves if options.keep_checkpoint_max == 0 else min(saves, options.keep_checkpoint_max)
    return min(kept + 1 + facts.data.evaluates, max(saves, 1) + 1)
