"""The examinations of training and machine: what they find, how much that matters, and the cure they name."""

import numpy as np
import pytest
from doctor_material import ADVICE, FAILS, OK, WRONG, found, some, worst

from bert_tf2.jobs.doctor import measuring, tpu
from bert_tf2.jobs.doctor.examinations import course, device, disk, model, warnings
from bert_tf2.jobs.doctor.machine import Memory
from bert_tf2.jobs.doctor.measuring import DoesNotFit, Measured, StepTime
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.training.named_weights import Restored
from bert_tf2.models.config import BertConfig

# Training


def planned(steps=300, rows=3200, measured=None, makes_weights=False, **flags):
    options = ClassifierOptions(**flags)
    return some(
        options=options, course=some(schedule=some(train_steps=steps)), data=some(records=range(rows)), measured=measured,
        run=some(makes_weights=makes_weights),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "severity", "cure"),
    [
        (planned(), OK, ""),
        (planned(warmup_steps=300.0), WRONG, "--warmup_steps=30, or more epochs"),
        (planned(steps=10), ADVICE, "--num_train_epochs=3, or a smaller --train_batch_size"),
        (planned(learning_rate=0.01), WRONG, "--learning_rate=3e-5"),
        (planned(learning_rate=1e-3), ADVICE, "--learning_rate=3e-5"),
        (planned(learning_rate=1e-7), ADVICE, "--learning_rate=3e-5"),
        (planned(learning_rate=1e-3, freeze_layers=4), OK, ""),
        (planned(learning_rate=1e-3, makes_weights=True), OK, ""),
        (planned(learning_rate=0.1, makes_weights=True), WRONG, "--learning_rate=1e-4"),
        (planned(rows=20, train_batch_size=32), ADVICE, "--train_batch_size=5"),
        (planned(steps=5000, rows=3200), ADVICE, "--num_train_epochs=3 (up to 10 for few rows), or --early_stopping_patience=2"),
        (planned(steps=5000, rows=3200, makes_weights=True), OK, ""),
    ],
)
def test_the_course(facts, severity, cure):
    assert max(one for one, _, _ in found(course.examine, facts)) == severity
    if cure:
        assert cure in [one for _, _, one in found(course.examine, facts)]


# Model


def restored(random, missing=()):
    return Restored(some(loaded=["a"] * 7, path="bert", missing=missing), [], random)


CONFIG = BertConfig(vocab_size=30, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)


@pytest.mark.parametrize(
    ("known", "severity"),
    [
        ({}, WRONG),
        ({"makes_weights": True}, OK),
        ({"starts_elsewhere": True}, OK),
        ({"restored": restored({"the classification head": "has none"})}, OK),
        ({"restored": restored({"the pooler": "has no pooler"})}, ADVICE),
    ],
)
def test_the_model(known, severity):
    run = {"config": CONFIG, "restored": None, "makes_weights": False, "starts_elsewhere": False} | known
    options = some(bert_config_file="config.json", init_checkpoint=None)
    assert worst(model.examine, some(run=some(**run), options=options)).severity == severity


def test_a_training_that_goes_on_reads_no_first_weights():
    options = some(bert_config_file="config.json", init_checkpoint="bert")
    found_there = [one.says for one in model.examine(some(run=some(config=CONFIG, restored=None), options=options))]
    assert found_there[1].startswith("--init_checkpoint is not read: the directory holds checkpoints of this training")


# Device, memory, time, disk


def measured(**values):
    steps = {"longest": StepTime(128, 32, 4.0), "typical": StepTime(32, 32, 1.0)}
    numbers = {"memory": Memory("process", 10**9, 4 * 10**9), "parts": 1, "asked_parts": 1, "weights": 10**6, "trained": 10**6}
    return Measured(**steps | numbers | {"finite": True} | values)


def test_the_time_of_a_step_lies_on_a_line():
    assert measured().seconds_of(128 * 32) == pytest.approx(4.0)
    assert measured().seconds_of(80 * 32) == pytest.approx(2.5)
    assert measured().seconds_of(1) == pytest.approx(0.3)
    same = measured(typical=StepTime(128, 32, 4.0))
    assert same.seconds_of(64 * 32) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("free", "batch_size", "parts"), [(10**9, 32, 4), (2 * 10**9, 32, 2), (10**9, 33, 0), (4 * 10**9, 32, None)]
)
def test_a_batch_that_would_not_fit_is_not_tried(monkeypatch, free, batch_size, parts):
    """A quarter of the rows takes a gigabyte, so the others would take three more."""
    held = iter([2 * 10**9])
    monkeypatch.setattr(measuring, "process_memory", lambda: next(held))
    monkeypatch.setattr(measuring, "available_memory", lambda: free)
    steps = object.__new__(measuring._Steps)
    steps._replicas, steps._parts, steps._course = 1, 1, some(plan=some(batch_size=batch_size))
    steps._run = lambda batch, most: None
    if parts is None:
        steps._try_fewer(np.arange(32), 10**9)
        return
    with pytest.raises(DoesNotFit) as error:
        steps._try_fewer(np.arange(32), 10**9)
    assert (error.value.parts, error.value.needed) == (parts, 5 * 10**9)


def on_cpu(monkeypatch, seconds, **values):
    monkeypatch.setattr(device, "seconds_of_training", lambda *_: seconds)
    monkeypatch.setattr(device, "on_gpus", lambda strategy: False)
    monkeypatch.setattr(device, "describe", lambda strategy: "one replica")
    options = ClassifierOptions(dry_run=True, price_per_hour=3.0, train_batch_size=32)
    known = {"measured": measured(), "why_not_measured": "", "does_not_fit": None, "times": 1, "options": options}
    return some(run=some(strategy=None), data=None, course=None, **known | values)


def test_time_and_cost(monkeypatch):
    facts = on_cpu(monkeypatch, (5400.0, 1800.0), times=2)
    says = [says for _, says, _ in found(device.examine, facts) if "estimated" in says]
    assert says[0].startswith(
        "about 4:00:00 hours for 2 seeds, at 3 an hour about 12.00, estimated from steps (1.00 s at 32 tokens"
    )


def test_what_takes_days_is_advised_against(monkeypatch):
    assert worst(device.examine, on_cpu(monkeypatch, (86400.0, 0.0))).severity == ADVICE


def test_memory(monkeypatch):
    full = on_cpu(monkeypatch, (1.0, 1.0), measured=measured(memory=Memory("process", 95, 100)))
    assert worst(device.examine, full).says == "memory is nearly full"
    none = on_cpu(monkeypatch, (1.0, 1.0), measured=None, does_not_fit=DoesNotFit(8e9, 4e9, 4))
    one = worst(device.examine, none)
    assert (one.severity, one.cure) == (FAILS, "--gradient_accumulation_steps=4: the same batch of 32, in parts")
    assert one.says.endswith("it would take about 8.0 GB of 4.0 GB")
    nothing = on_cpu(monkeypatch, (1.0, 1.0), measured=None, does_not_fit=DoesNotFit(0, 0, 0))
    assert worst(device.examine, nothing).cure.startswith("--recompute")


def test_a_loss_that_is_no_number(monkeypatch):
    facts = on_cpu(monkeypatch, (1.0, 1.0), measured=measured(finite=False))
    assert worst(device.examine, facts).severity == WRONG


def test_disk(monkeypatch, tmp_path):
    def facts(free, **flags):
        monkeypatch.setattr(disk, "free_disk", lambda path: free)
        begun = flags.pop("begun", None)
        monkeypatch.setattr(disk.checkpointing, "latest_step", lambda path: begun)
        schedule = some(train_steps=300, save_every_steps=100)
        return some(
            place=str(tmp_path / "new"), times=1, measured=measured(), data=some(evaluates=True),
            course=some(schedule=schedule), run=some(directory=some(path="shadow")), options=ClassifierOptions(**flags),
        )  # fmt: skip

    # 12 MB each: three saves, and one that is being written.
    assert found(disk.examine, facts(10**9)) == [(OK, "disk: up to 4 checkpoints of 12 MB at once, 48 MB; 1.0 GB are free", "")]
    assert worst(disk.examine, facts(30 * 10**6)).severity == FAILS
    assert worst(disk.examine, facts(40 * 10**6, keep_checkpoint_max=1)).severity == OK
    assert "at step 50: it goes on" in found(disk.examine, facts(10**9, begun=50))[0][1]
    assert worst(disk.examine, facts(10**9, begun=300)).says.endswith("and it is finished (step 300)")


def test_warnings_of_the_job_are_told_once_unless_an_examination_tells_them():
    facts = some(said=["a is odd", "a is odd", "train: 3 rows repeat the text of another row"])
    assert found(warnings.examine, facts) == [(ADVICE, "a is odd", "")]


# TPU


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"use_tpu": True}, "no TPU is in this machine, and none is named"),
        (
            {"distribution_strategy": "tpu", "tpu": "my-tpu", "model_dir": "/data/out"},
            "--model_dir=/data/out is a local path",
        ),
        ({"use_tpu": True, "tpu_name": "my-tpu", "output_dir": "out"}, "--output_dir=out is a local path"),
        (
            {"use_tpu": True, "tpu": "t", "model_dir": "gs://My Bucket/out"},
            "--model_dir=gs://My Bucket/out: 'My Bucket' is no name",
        ),
    ],
)
def test_tpu(monkeypatch, flags, says):
    monkeypatch.setattr(tpu.glob, "glob", lambda pattern: [])
    options = ClassifierOptions(**flags)
    assert tpu.is_elsewhere(options)
    one = max(tpu.examine(options), key=lambda one: one.severity)
    assert one.severity == FAILS
    assert one.says.startswith(says)


def test_a_tpu_with_all_in_buckets():
    options = ClassifierOptions(
        use_tpu=True, tpu="t", model_dir="gs://mine/out", train_data_path="gs://mine/train", init_checkpoint="gs://mine/bert",
        dtype="bf16",
    )  # fmt: skip
    assert {one.severity for one in tpu.examine(options)} == {OK}
    here = tpu.on_this_machine(options)
    assert not tpu.is_elsewhere(here)
    assert here.num_gpus == 0


def test_data_of_this_machine_are_told_of():
    options = ClassifierOptions(use_tpu=True, tpu="t", output_dir="gs://mine/out", data_dir="/data", init_checkpoint="bert")
    told = [one for one in tpu.examine(options) if one.severity == ADVICE]
    assert told[0].says.startswith("--data_dir, --init_checkpoint: local paths")


def test_a_tpu_of_this_machine_is_used(monkeypatch):
    monkeypatch.setattr(tpu.glob, "glob", lambda pattern: ["/dev/accel0"] if "accel" in pattern else [])
    assert not tpu.is_elsewhere(ClassifierOptions(use_tpu=True))
    assert not tpu.is_elsewhere(ClassifierOptions())
