"""What a file of texts holds, known before a model is loaded."""

import dataclasses
import logging

from bert_tf2.jobs.commands.input_file import InputFile
from bert_tf2.progress import Progress

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Contents:
    """Attributes:
    count: how many rows.
    empty: how many of them hold no text.
    first_empty: the place of the first of these.
    has_pairs: whether any row is a pair.
    """

    count: int
    empty: int
    first_empty: str
    has_pairs: bool

    @classmethod
    def of(cls, source: InputFile) -> "Contents":
        """Reads a file to its end.

        Raises:
          UserError: it holds no row, or one cannot be used.
        """
        count, empty, first, has_pairs = 0, 0, "", False
        with Progress("looking at the texts", unit="texts") as progress:
            for row in source.rows():
                count += 1
                has_pairs = has_pairs or row.text_b is not None
                if not row.text.strip() and not (row.text_b or "").strip():
                    first, empty = first or row.where, empty + 1
                progress.advance()
        return cls(count, empty, first, has_pairs)

    def tell_empty(self, vector: str) -> None:
        """Warns of rows without a text; `vector` says what stands for them."""
        if self.empty:
            rows = "row holds" if self.empty == 1 else "rows hold"
            logger.warning("%d %s no text, the first at %s; %s", self.empty, rows, self.first_empty, vector)
