"""What a report says of likeness beyond its scores: cosines by score, and the rows that are farthest from their place."""

from collections.abc import Sequence

import numpy as np

from bert_tf2.tasks.similarity.outcome import Likeness
from bert_tf2.tasks.written_tables import escaped, markdown_table, shortened

_BANDS = 5
_MOST_SHOWN = 20


def report_sections(likeness: Likeness, texts: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    """Headings and Markdown for `bert_tf2.training.reporting.report.write_report`.

    Args:
      likeness: of the rows.
      texts: of the rows; empty ones where records keep none.
    """
    scores, cosines = likeness.scores, likeness.cosines
    if np.isnan(scores).any():
        return [("Cosines", _summary([("first and second text", cosines), ("first and third text", likeness.cosines_of_third)]))]
    edges = np.linspace(scores.min(), scores.max(), _BANDS + 1)
    band = np.clip(np.searchsorted(edges, scores, side="right") - 1, 0, _BANDS - 1)
    groups = [(f"{edges[one]:.2f} to {edges[one + 1]:.2f}", cosines[band == one]) for one in range(_BANDS)]
    sections = [("Cosines by score", _summary(groups))]
    if any(map(len, texts)):
        sections.append(("Farthest from their place", _farthest(likeness, texts)))
    return sections


def _summary(groups: Sequence[tuple[str, np.ndarray]]) -> str:
    rows = []
    for name, values in groups:
        if len(values := values[~np.isnan(values)]):
            low, middle, high = np.percentile(values, (10, 50, 90))
            rows.append((name, f"{len(values):,}", f"{values.mean():.3f}", f"{low:.3f}", f"{middle:.3f}", f"{high:.3f}"))
    return markdown_table(("", "rows", "mean", "10 %", "median", "90 %"), rows)


def _farthest(likeness: Likeness, texts: Sequence[Sequence[str]]) -> str:
    """The rows whose place by cosine is farthest from that by score."""
    place = [np.argsort(np.argsort(values, kind="stable"), kind="stable") for values in (likeness.scores, likeness.cosines)]
    distance = place[1] - place[0]
    rows = [
        (
            f"{likeness.scores[row]:g}",
            f"{likeness.cosines[row]:.3f}",
            f"{distance[row]:+,}",
            *(escaped(shortened(text)) for text in texts[row][:2]),
        )
        for row in np.argsort(-np.abs(distance), kind="stable")[:_MOST_SHOWN]
        if len(texts[row]) > 1
    ]
    return markdown_table(("score", "cosine", "places off", "first text", "second text"), rows)
