"""One row: texts that are compared, and what is known of how alike they are."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class SimilarityExample:
    """Texts that are compared.

    Attributes:
      texts: one, two or three: the second is like the first, or as like as `score` says; the third is not.
      score: how alike the first two are; None where it is not known.
      label: of the first two; None where there is none.
      number: of the row in its file, from 0.
      where: file and line, for messages.
    """

    texts: tuple[str, ...]
    score: float | None
    label: str | None
    number: int
    where: str
