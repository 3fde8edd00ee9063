"""Which rows a fold of a cross-validation holds out."""

import dataclasses

import numpy as np

from bert_tf2.errors import UserError


@dataclasses.dataclass(frozen=True)
class Fold:
    """One part of several into which training rows are divided.

    Attributes:
      number: from 1.
      of: how many parts there are.
      seed: of the division.
    """

    number: int
    of: int
    seed: int

    def held_out(self, rows: int, labels: np.ndarray | None) -> np.ndarray:
        """Whether each row is of this part: bool [rows].

        Rows are dealt out in random order, label by label, so that the parts differ by one at most in their number of rows and
        in their number of each label.

        Args:
          rows: how many there are.
          labels: one for each row, int [rows]; None where rows have none.

        Raises:
          UserError: there are fewer rows than parts.
        """
        if rows < self.of:
            raise UserError(f"--num_folds={self.of}: there are only {rows} training examples")
        order = np.random.default_rng(self.seed).permutation(rows)
        if labels is not None:
            order = order[np.argsort(labels[order], kind="stable")]
        result = np.zeros(rows, bool)
        result[order[self.number - 1 :: self.of]] = True
        return result
