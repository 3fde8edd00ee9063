"""Rows of rare labels several times in an epoch, as `--oversample` says.

Of one label for each text, `balanced` makes every label as frequent as the most frequent one (the random oversampling
of imbalanced-learn). Of several labels a row counts for the one that asks for the most of it, as in Gupta et al. 2019,
"LVIS", https://arxiv.org/abs/1908.03195 (repeat factor sampling).
"""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from bert_tf2.data.batches.repeats import Repeats
from bert_tf2.tasks.classification.label_numbers import BALANCED, FACTORS

logger = logging.getLogger(__name__)


class Oversampling:
    """How often an epoch holds the rows of each label.

    Args:
      given: the value of the flag.
      names: of the labels, in id order.

    Raises:
      UserError: factors of other labels than these.
    """

    def __init__(self, given: str, names: Sequence[str]):
        self._names, self._factors = list(names), FACTORS.read(given, names)

    def identity(self) -> dict[str, Any]:
        """What identifies the training instead of the option: the factors, however they were given."""
        if isinstance(self._factors, str):
            return {FACTORS.flag: BALANCED}
        return {FACTORS.flag: {name: factor for name, factor in zip(self._names, self._factors) if factor != 1.0}}

    def repeats(self, label_ids: np.ndarray) -> Repeats:
        """How often rows are repeated; tells it.

        Args:
          label_ids: of all training records, int [N], or 0 and 1 for each label, int [N, C].
        """
        there = label_ids if label_ids.ndim == 2 else np.eye(len(self._names), dtype=np.int32)[label_ids]
        counts = there.sum(axis=0)
        if isinstance(self._factors, str):
            factors = np.where(counts > 0, counts.max() / np.maximum(counts, 1), 1.0)
        else:
            factors = np.array(self._factors)
        if label_ids.ndim == 1:
            found = Repeats(label_ids, np.rint(counts * factors).astype(np.int64))
        else:
            times, groups = np.unique(np.where(there > 0, factors, 1.0).max(axis=1), return_inverse=True)
            found = Repeats(groups, np.rint(times * np.bincount(groups)).astype(np.int64))
        self._tell(counts, factors, len(label_ids), len(found))
        return found

    def _tell(self, counts: np.ndarray, factors: np.ndarray, rows: int, in_epoch: int) -> None:
        most = int(np.where(counts > 0, factors, 0.0).argmax())
        logger.info(
            "--%s: an epoch has %s examples, of %s rows; those of '%s' (%s) are in it %.3g times", FACTORS.flag,
            f"{in_epoch:,}", f"{rows:,}", self._names[most], f"{counts[most]:,}", factors[most],
        )  # fmt: skip
