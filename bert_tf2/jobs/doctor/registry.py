"""All examinations, in the order in which their findings are told and put right."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from bert_tf2.jobs.doctor.examinations import (
    agreement,
    copies,
    course,
    device,
    disk,
    labels,
    lengths,
    model,
    vocabulary,
    warnings,
)
from bert_tf2.jobs.doctor.facts import Facts
from bert_tf2.jobs.doctor.findings import Finding

Examination: TypeAlias = Callable[[Facts], Iterable[Finding]]

EXAMINATIONS: tuple[tuple[str, Examination], ...] = (
    ("Model", model.examine),
    ("Vocabulary and casing", vocabulary.examine),
    ("Lengths", lengths.examine),
    ("Labels", labels.examine),
    ("Do the labels of the sets agree?", agreement.examine),
    ("Copies", copies.examine),
    ("Training", course.examine),
    ("Device, memory and time", device.examine),
    ("Directory and disk", disk.examine),
    ("The job's own warnings", warnings.examine),
)
