"""Searching an index of texts from Python, with model and index loaded once."""

import dataclasses
import os
from collections.abc import Iterable, Iterator
from typing import Any

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.inference.search.index_files import MANIFEST, Manifest, StoredTexts, read_manifest, read_vectors, whitening_of
from bert_tf2.inference.vectors.text_encoder import TextEncoder
from bert_tf2.inference.vectors.whitening import Whitening


@dataclasses.dataclass(frozen=True)
class Hit:
    """A text that was found.

    Attributes:
      id: what its row was called when it was indexed; its number, from 0, where nothing else did.
      score: the cosine of its vector and the query's.
      text: itself.
    """

    id: Any
    score: float
    text: str


class TextIndex:
    """Finds the texts whose vectors are nearest to that of a query.

        index = TextIndex.load("index")
        index.search("how do I get my money back?", top_k=3)[0].text

    Args:
      encoder: the model that made the index's vectors.
      vectors: the FAISS index.
      texts: in the same order.
    """

    def __init__(self, encoder: TextEncoder, vectors: Any, texts: StoredTexts):
        self._encoder, self._vectors, self._texts = encoder, vectors, texts

    @classmethod
    def load(
        cls, index_dir: str, init_checkpoint: str | None = None, whitening_file: str | None = None, **files_of_model: Any
    ) -> "TextIndex":
        """Loads an index and the model that it was made with.

        Args:
          index_dir: what `python -m bert_tf2.search --mode=index` wrote.
          init_checkpoint: where the model is now; None for where it was.
          whitening_file: that must be the index's own, which it holds; None for whatever that is.
          files_of_model: those that `TextEncoder.from_checkpoint` takes; with `init_checkpoint` only.

        Raises:
          UserError: there is no index, it is damaged, or the model or the whitening is another.
        """
        folder = files.expand(index_dir)
        manifest = read_manifest(folder)
        vectors, texts = read_vectors(folder, manifest), StoredTexts(os.path.join(folder, manifest.texts_name))
        if len(texts) != manifest.count:
            raise UserError(
                f"{manifest.texts_name} in {folder} has {len(texts)} lines, {MANIFEST} says {manifest.count}; make the index anew"
            )
        model = dict(manifest.model) if init_checkpoint is None else {"path": files.expand(init_checkpoint), **files_of_model}
        encoder = encoder_of(folder, manifest, model, whitening_file)
        return cls(encoder, vectors, texts)

    def search(self, query: str, top_k: int = 10) -> list[Hit]:
        """The nearest texts, the nearest first.

        Raises (here and below):
          UserError: a query is no text.
        """
        return next(self.found([query], top_k))

    def found(self, queries: Iterable[str], top_k: int = 10, batch_size: int = 32) -> Iterator[list[Hit]]:
        """As `search`, for many in their order, some at a time."""
        if top_k < 1:
            raise ValueError(f"top_k must be at least 1; got {top_k}")
        for part in self._encoder.encoded(queries, batch_size):
            scores, places = self._vectors.search(part, min(top_k, self._vectors.ntotal))
            for of_query, of_places in zip(scores.tolist(), places.tolist()):
                # An approximate search may find fewer.
                known = [(score, place) for score, place in zip(of_query, of_places) if place >= 0]
                rows = self._texts.at([place for _, place in known])
                yield [Hit(row["id"], score, row["text"]) for (score, _), row in zip(known, rows)]


def encoder_of(folder: str, manifest: Manifest, model: dict[str, Any], whitening_file: str | None = None) -> TextEncoder:
    """The model that makes vectors as those of an index.

    Args:
      folder: of the index.
      manifest: what it says.
      model: where the model is, as the manifest has it.
      whitening_file: that must be the index's own.

    Raises:
      UserError: a file is missing or damaged, or the model or the whitening is another.
    """
    whitening = whitening_of(folder, manifest)
    if whitening_file is not None:
        given = Whitening.load(files.expand(whitening_file)).fingerprint
        if whitening is None or given != whitening.fingerprint:
            made = "without whitening" if whitening is None else "with another whitening, which it holds"
            raise UserError(f"--whitening_file={whitening_file}: {folder} was made {made}; leave the flag out, or make it anew")
    layers = manifest.settings["layers"]
    settings = manifest.settings | {"layers": None if layers is None else tuple(layers)}
    plain = TextEncoder.from_checkpoint(**{**model, **settings})
    _check_same(folder, manifest.identity, plain)
    if manifest.whitening is None:
        return plain
    return TextEncoder(plain.encoder, plain.tokenizer, plain.config, plain.settings, whitening, manifest.whitening["dimension"])


def _check_same(folder: str, identity: dict[str, Any], encoder: TextEncoder) -> None:
    """Checks that a model makes vectors as those of an index.

    Raises:
      UserError: it does not.
    """
    differing = [name for name, value in encoder.identity.items() if identity.get(name) != value]
    if "model" in differing:
        raise UserError(f"{folder} was made with another model; give that one, or make an index with this one")
    if differing:
        raise UserError(f"{folder} was made in another way ({', '.join(differing)}); give the same flags, or make it anew")
