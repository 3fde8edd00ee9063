"""A diagnosis as it is read."""

import pytest

from bert_tf2.jobs.doctor.findings import Diagnosis, Severity, advice, fails, ok, wrong
from bert_tf2.jobs.doctor.report import WIDTH, report

LONG = "so many words that they do not fit into a line of a terminal, " * 4


@pytest.mark.parametrize(
    ("findings", "worst", "verdict", "first"),
    [
        ([ok("well")], Severity.OK, "ready", None),
        ([ok("well"), advice("a", "--a"), advice("b", "--b")], Severity.ADVICE, "ready, with 2 pieces of advice", "a"),
        ([advice("a", "--a"), wrong("w", "--w"), wrong("v", "--v")], Severity.WRONG, "the results would be wrong", "w"),
        ([wrong("w", "--w"), fails("f", "--f")], Severity.FAILS, "the job would fail", "f"),
    ],
)
def test_what_it_comes_to(findings, worst, verdict, first):
    diagnosis = Diagnosis((("One", tuple(findings[:1])), ("Two", tuple(findings[1:]))))
    assert (diagnosis.worst, diagnosis.verdict) == (worst, verdict)
    assert (None if diagnosis.first is None else diagnosis.first.says) == first


def test_the_text():
    sections = (("Data", (ok("all is well", ["3 ###", "x" * 200]), wrong(LONG, "--flag=1"))), ("None", ()))
    lines = report("A look", Diagnosis(sections)).splitlines()
    assert lines[:5] == ["A look", "", "Data", "  ok      all is well", "          3 ###"]
    assert max(map(len, lines)) <= WIDTH
    assert "None" not in lines
    assert "          -> --flag=1" in lines
    at = lines.index("Verdict:      the results would be wrong")
    assert lines[at + 1] == "Change first: --flag=1"
    assert lines[at + 2].startswith("Because:      so many words")


def test_nothing_to_change():
    assert report("A look", Diagnosis((("Data", (ok("well"),)),))).endswith("Verdict:      ready\nChange first: nothing")
    # The job's own warnings say themselves what to do.
    assert report("A look", Diagnosis((("Data", (advice("do it", ""),)),))).endswith("advice\nChange first: do it")
