"""Computing what takes long, into a journal."""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from bert_tf2.inference.vectors.inputs import Text
from bert_tf2.inference.vectors.text_encoder import TextEncoder
from bert_tf2.jobs.vectors.journal import Journal
from bert_tf2.progress import Progress

Parts: TypeAlias = Iterator[tuple[int, Iterable[bytes]]]
"""How many rows, and what is written of them. A command that goes on begins with a whole part: its batches are the same."""


def vectors_of(encoder: TextEncoder, texts: Iterable[Text], batch_size: int) -> Parts:
    """The vectors of texts, float32."""
    for part in encoder.encoded(texts, batch_size):
        yield len(part), [part.tobytes()]


def compute(parts: Parts, encoder: TextEncoder, count: int, journal: Journal) -> None:
    """Writes what is computed to a journal.

    Args:
      parts: what the journal lacks.
      encoder: makes it.
      count: of all rows.
      journal: of the output.
    """
    before = journal.cut
    with Progress("encoding", count, "texts", done=journal.done) as progress:
        for rows, contents in parts:
            for content in contents:
                journal.write(content)
            journal.note(rows, before + encoder.inputs.cut)
            progress.advance(rows)
