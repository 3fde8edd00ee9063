"""The files that hold a classifier's predictions."""

from collections.abc import Sequence

import numpy as np

from bert_tf2.errors import UserError
from bert_tf2.files import write_text
from bert_tf2.tasks.written_tables import cell


def write_test_results(path: str, values: np.ndarray) -> None:
    """Writes Google's `test_results.tsv`: one row per example, its probabilities (or value) [N, C], tab-separated, no header."""
    write_text(path, "".join("\t".join(str(float(value)) for value in row) + "\n" for row in values))


def write_predictions(
    path: str,
    predicted: Sequence[str],
    *,
    example_ids: Sequence[object] | np.ndarray,
    probabilities: np.ndarray | None = None,
    label_names: Sequence[str] = (),
    gold: Sequence[str] | None = None,
    texts: Sequence[tuple[str, str | None]] | None = None,
) -> None:
    """Writes `predictions.tsv`: a header, then per example its id, text, gold label, prediction and named probabilities.

    Args:
      path: the file.
      predicted: what is predicted, as people read it.
      example_ids: what identifies each example, in the order of the predictions.
      probabilities: float64 [N, C]; None where there are none.
      label_names: what the probabilities are of.
      gold: as `predicted`; None when the data has none.
      texts: text and second text (or None) per example; None when only records are at hand.

    Raises:
      UserError: there are more or fewer texts than examples.
    """
    if texts is not None and len(texts) != len(predicted):
        raise UserError(
            f"cannot write {path}: {len(predicted)} records but {len(texts)} texts; did the data change after the records were "
            "made? Run the command again"
        )
    has_pairs = texts is not None and any(text_b is not None for _, text_b in texts)
    header = ["id"]
    if texts is not None:
        header += ["text_a", "text_b"] if has_pairs else ["text"]
    header += (["label"] if gold is not None else []) + ["prediction"]
    header += [f"probability_{cell(name)}" for name in label_names]
    lines = ["\t".join(header)]
    for row, value in enumerate(predicted):
        cells = [cell(example_ids[row])]
        if texts is not None:
            text_a, text_b = texts[row]
            cells += [cell(text_a), cell(text_b or "")] if has_pairs else [cell(text_a)]
        cells += [cell(one) for one in ([] if gold is None else [gold[row]]) + [value]]
        if probabilities is not None:
            cells += [f"{probability:.6f}" for probability in probabilities[row]]
        lines.append("\t".join(cells))
    write_text(path, "\n".join(lines) + "\n")
