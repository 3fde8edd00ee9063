"""By how much two models' outputs differ."""

import numpy as np

from bert_tf2.tasks.portable import Rows


class Differences:
    """The largest difference of outputs, where there are tokens.

    Args:
      of_tokens: see `Portable`.
    """

    def __init__(self, of_tokens: frozenset[str]) -> None:
        self._of_tokens = of_tokens
        self.largest, self.magnitude, self.rows = 0.0, 0.0, 0

    def add(self, rows: Rows, ours: Rows, theirs: Rows) -> None:
        """Compares the outputs of some rows; what a padded place gives is nobody's."""
        is_token = rows["input_mask"] > 0
        self.rows += len(is_token)
        for name, value in ours.items():
            one, other = (found[is_token] if name in self._of_tokens else found for found in (value, theirs[name]))
            if one.size:
                difference = float(np.abs(one.astype(np.float64) - other).max())
                self.largest = float("inf") if np.isnan(difference) else max(self.largest, difference)
                self.magnitude = max(self.magnitude, float(np.abs(one).max()))
