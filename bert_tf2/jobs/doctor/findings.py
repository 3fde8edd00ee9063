"""What an examination finds, and what all findings together come to."""

import dataclasses
import enum
from collections.abc import Sequence


class Severity(enum.IntEnum):
    """How much a finding matters."""

    OK = 0
    ADVICE = 1
    WRONG = 2
    FAILS = 3


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
      severity: `WRONG` where the job would end and its results would mean little, `FAILS` where it would not end.
      says: a clause without a full stop, for one line.
      cure: what to change, with a flag where one does it; empty where there is nothing to change.
      details: lines that show it: places, a histogram.
    """

    severity: Severity
    says: str
    cure: str = ""
    details: tuple[str, ...] = ()


def ok(says: str, details: Sequence[str] = ()) -> Finding:
    """All is well, or this is only worth knowing."""
    return Finding(Severity.OK, says, "", tuple(details))


def advice(says: str, cure: str, details: Sequence[str] = ()) -> Finding:
    """The job will do what it is asked, and could do better."""
    return Finding(Severity.ADVICE, says, cure, tuple(details))


def wrong(says: str, cure: str, details: Sequence[str] = ()) -> Finding:
    """The job would come to its end, and its results would mean little."""
    return Finding(Severity.WRONG, says, cure, tuple(details))


def fails(says: str, cure: str, details: Sequence[str] = ()) -> Finding:
    """The job would not come to its end."""
    return Finding(Severity.FAILS, says, cure, tuple(details))


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """All findings, by section.

    Attributes:
      sections: titles and what was found there.
    """

    sections: tuple[tuple[str, tuple[Finding, ...]], ...]

    @property
    def findings(self) -> list[Finding]:
        """Of all sections, in their order."""
        return [finding for _, findings in self.sections for finding in findings]

    @property
    def worst(self) -> Severity:
        """The severity of the worst finding."""
        return max((finding.severity for finding in self.findings), default=Severity.OK)

    @property
    def verdict(self) -> str:
        """What it comes to, a clause."""
        pieces = sum(finding.severity == Severity.ADVICE for finding in self.findings)
        with_advice = f", with {pieces} piece{'s' if pieces > 1 else ''} of advice" if pieces else ""
        return {
            Severity.OK: "ready",
            Severity.ADVICE: f"ready{with_advice}",
            Severity.WRONG: "the results would be wrong",
            Severity.FAILS: "the job would fail",
        }[self.worst]

    @property
    def first(self) -> Finding | None:
        """The finding to do something about first: the first of the worst ones; None where there is nothing to do."""
        if self.worst == Severity.OK:
            return None
        return next(finding for finding in self.findings if finding.severity == self.worst)
