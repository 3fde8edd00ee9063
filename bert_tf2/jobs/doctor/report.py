"""A diagnosis as people read it."""

import textwrap

from bert_tf2.jobs.doctor.findings import Diagnosis, Finding, Severity

WIDTH = 98
_MARKS = {Severity.OK: "ok", Severity.ADVICE: "advice", Severity.WRONG: "WRONG", Severity.FAILS: "FAILS"}
_INDENT = " " * 10


def report(title: str, diagnosis: Diagnosis) -> str:
    """Title, sections, verdict and the one thing to change first; no line is longer than `WIDTH`, unless a word of it is."""
    lines = [*_wrapped(title, "", "  ")]
    for section, findings in diagnosis.sections:
        if findings:
            lines += ["", section]
            lines += [line for finding in findings for line in _lines(finding)]
    first = diagnosis.first
    closing = {"Verdict:": diagnosis.verdict, "Change first:": "nothing" if first is None else first.cure or first.says}
    closing |= {"Because:": first.says} if first is not None and first.cure else {}
    return "\n".join([*lines, "", *(line for name, text in closing.items() for line in _wrapped(text, f"{name:<14}", " " * 14))])


def _lines(finding: Finding) -> list[str]:
    lines = _wrapped(finding.says, f"  {_MARKS[finding.severity]:<8}", _INDENT)
    lines += [_cut(f"{_INDENT}{line}") for line in finding.details]
    return lines + (_wrapped(finding.cure, f"{_INDENT}-> ", f"{_INDENT}   ") if finding.cure else [])


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"


def _wrapped(text: str, first: str, then: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=then, break_long_words=False, break_on_hyphens=False
    )
