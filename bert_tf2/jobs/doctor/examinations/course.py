"""Steps, warm-up, learning rate, batch size, epochs: what is far from what is usual."""

from collections.abc import Iterator

from bert_tf2.jobs.doctor.facts import Facts
from bert_tf2.jobs.doctor.findings import Finding, advice, ok, wrong
from bert_tf2.training import schedules

# Of AdamW on a whole encoder: Devlin et al. 2018 take 2e-5 to 5e-5, the small models of Turc et al. 2019 up to 3e-4.
_USUAL_RATES, _DIVERGES = (5e-6, 3e-4), 2e-3
_OF_PRETRAINING, _PRETRAINING_DIVERGES = (1e-5, 2e-3), 1e-2
_FEWEST_STEPS, _MOST_EPOCHS = 50, 20.0


def examine(facts: Facts) -> Iterator[Finding]:
    """What the schedule comes to."""
    options, course, number = facts.options, facts.course, len(facts.data.records)
    steps, batch = course.schedule.train_steps, options.train_batch_size
    epochs = steps * batch / max(number, 1)
    warmup = options.warmup_steps
    if warmup is None:
        warmup = schedules.warmup_steps_from_proportion(steps, options.warmup_proportion)
    yield ok(
        f"{steps:,} steps of {batch} of {number:,} rows, about {epochs:.1f} epochs; {options.optimizer_type}, learning rate "
        f"{options.learning_rate:g} after {int(warmup):,} steps of warm-up"
    )
    if warmup >= steps:
        yield wrong(
            f"the warm-up takes {int(warmup):,} steps and the training only {steps:,}: the learning rate never gets to "
            f"{options.learning_rate:g}, or does not fall again",
            f"--warmup_steps={max(1, steps // 10)}, or more epochs",
        )
    elif steps < _FEWEST_STEPS:
        yield advice(
            f"only {steps} steps: too few for a new head to be learned",
            f"--num_train_epochs={max(3, round(epochs * 2 * _FEWEST_STEPS / steps))}, or a smaller --train_batch_size",
        )
    yield from _rate(facts)
    if batch > number:
        yield advice(
            f"a batch of {batch} is more than the {number:,} rows: every step takes all of them",
            f"--train_batch_size={max(1, min(16, number // 4))}",
        )
    if epochs > _MOST_EPOCHS and not facts.run.makes_weights:
        yield advice(
            f"about {epochs:.0f} epochs: after a few a pre-trained model learns its training rows by heart",
            "--num_train_epochs=3 (up to 10 for few rows), or --early_stopping_patience=2",
        )


def _rate(facts: Facts) -> Iterator[Finding]:
    options = facts.options
    trains_all = options.hub_module_trainable and getattr(options, "freeze_layers", None) is None
    trains_all = trains_all and getattr(options, "prompt_tuning", None) != "vectors"
    measured = facts.measured
    if options.optimizer_type != "adamw" or not trains_all or (measured and measured.trained < measured.weights / 2):
        return
    makes = facts.run.makes_weights
    (low, high), diverges = (_OF_PRETRAINING, _PRETRAINING_DIVERGES) if makes else (_USUAL_RATES, _DIVERGES)
    usual, rate = ("1e-4", options.learning_rate) if makes else ("3e-5", options.learning_rate)
    if rate > diverges:
        yield wrong(
            f"--learning_rate={rate:g} is far above what BERT is trained with ({low:g} to {high:g}): it loses what it knows",
            f"--learning_rate={usual}",
        )
    elif not low <= rate <= high:
        way = "above" if rate > high else "below"
        yield advice(f"--learning_rate={rate:g} is {way} what is usual ({low:g} to {high:g})", f"--learning_rate={usual}")
