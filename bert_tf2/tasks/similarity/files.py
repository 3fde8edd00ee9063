"""The tables that hold how alike texts are, made of the records alone."""

from collections.abc import Sequence

import numpy as np

from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.files import write_text
from bert_tf2.tasks.similarity.features import NO_LABEL
from bert_tf2.tasks.similarity.outcome import Likeness
from bert_tf2.tasks.written_tables import cell

_TEXTS = ("text_a", "text_b", "text_c")


def write_predictions(path: str, likeness: Likeness, records: RecordSet, labels: Sequence[str]) -> None:
    """Writes `predictions.tsv`: a header, then for each row its number, its texts, what was known, and the cosines.

    Args:
      path: the file.
      likeness: of the rows.
      records: keep the texts.
      labels: names in the order of their ids.
    """
    texts, third = records.values("texts"), ~np.isnan(likeness.cosines_of_third)
    most = max(map(len, texts), default=0)
    has_scores, has_labels = ~np.isnan(likeness.scores).all(), (likeness.predicted != NO_LABEL).any()
    header = ["id", *_TEXTS[:most], *(["score"] if has_scores else []), *(["label", "prediction"] if has_labels else [])]
    lines = ["\t".join([*header, "cosine", *(["cosine_of_third"] if third.any() else [])])]
    for row in range(len(likeness.cosines)):
        number = int(likeness.example_ids[row])
        cells = [str(number if number >= 0 else row), *(cell(text) for text in [*texts[row], *[""] * most][:most])]
        if has_scores:
            cells.append("" if np.isnan(likeness.scores[row]) else f"{likeness.scores[row]:g}")
        if has_labels:
            of_row = (int(likeness.labels[row]), int(likeness.predicted[row]))
            cells += ["" if label == NO_LABEL else cell(labels[label]) for label in of_row]
        cells.append(f"{likeness.cosines[row]:.6f}")
        if third.any():
            cells.append(f"{likeness.cosines_of_third[row]:.6f}" if third[row] else "")
        lines.append("\t".join(cells))
    write_text(path, "\n".join(lines) + "\n")
