"""Finding entities in texts from Python, with the model loaded once."""

import dataclasses
import itertools
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

from bert_tf2 import files
from bert_tf2.errors import JobError, UserError
from bert_tf2.model_directory.exported_models import inputs_and_outputs, load_saved_model, not_for_text, saved_model_in

_OUTPUTS = ("text_number", "type", "text", "start", "end", "probability")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclasses.dataclass(frozen=True)
class Entity:
    """An entity in a text; of plain tags, such as parts of speech, every word.

    Attributes:
      type: of the entity, or the word's tag.
      text: a slice of the text.
      start, end: `text[start:end]` of the whole text.
      probability: of its words having just these tags, 0 to 1.
    """

    type: str
    text: str
    start: int
    end: int
    probability: float


class EntityTagger:
    """Finds entities in texts.

        tagger = EntityTagger.from_saved_model("export_text")
        tagger.tag("Ada Lovelace lived in London.")[0].type

    A text may be of any length. Half a surrogate pair, which no text holds, counts as U+FFFD.

    Args:
      loaded: a SavedModel as TensorFlow loads it, whose `serving_default` is `EntityTaggingModule.tag`.
    """

    def __init__(self, loaded: Any):
        # The signature alone does not keep the variables alive.
        self._loaded = loaded
        self._signature = loaded.signatures["serving_default"]

    @classmethod
    def from_saved_model(cls, path: str) -> "EntityTagger":
        """Loads the model that `run_classifier.py` exports of `tagging` with `--vocab_file`.

        A SavedModel is a program, which runs with your rights: load only what you trust.

        Args:
          path: its directory, local or remote.

        Raises:
          UserError: there is no such SavedModel; the message says which to give.
        """
        path = files.expand(path).rstrip("/")
        if not files.is_remote(path) and not files.exists(path):
            raise UserError(f"--model: no such directory: {path}; {_WHICH}")
        found = saved_model_in(path)
        if found is None:
            raise UserError(f"--model={path} is not a SavedModel (it holds no saved_model.pb); {_WHICH}")
        loaded = load_saved_model(found)
        _check_signature(path, loaded)
        return cls(loaded)

    def tag(self, text: str) -> list[Entity]:
        """The entities of one text, in their order.

        Raises (here and below):
          JobError: the model gives no numbers.
        """
        return self.tag_all([text])[0]

    def tag_all(self, texts: Iterable[str], batch_size: int = 16) -> list[list[Entity]]:
        """The entities of each text."""
        return list(self.tagged(texts, batch_size))

    def tagged(self, texts: Iterable[str], batch_size: int = 16) -> Iterator[list[Entity]]:
        """As `tag_all`, one batch of texts at a time."""
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1; got {batch_size}")
        texts = iter(texts)
        while batch := list(itertools.islice(texts, batch_size)):
            yield from self._tag_batch(batch)

    def _tag_batch(self, texts: list[str]) -> list[list[Entity]]:
        import tensorflow as tf

        # Bytes: TensorFlow would cut a str at a NUL.
        outputs = self._signature(text=tf.constant([_SURROGATE.sub("\ufffd", text).encode() for text in texts], tf.string))
        columns = {name: outputs[name].numpy().tolist() for name in _OUTPUTS}
        if not all(map(math.isfinite, columns["probability"])):
            raise JobError("the model's logits are not finite; its weights are not usable")
        found: list[list[Entity]] = [[] for _ in texts]
        for number, kind, text, start, end, probability in zip(*(columns[name] for name in _OUTPUTS)):
            found[number].append(Entity(kind.decode(), text.decode(), start, end, probability))
        return found


def _check_signature(path: str, loaded: Any) -> None:
    inputs, outputs = inputs_and_outputs(loaded)
    if inputs != ["text"] or not set(_OUTPUTS) <= set(outputs):
        raise not_for_text("model", path, loaded, "a tagger of texts", _WHICH)


_WHICH = (
    "give the directory of the model that takes text: run_classifier.py --mode=export_only --model_export_path=NAME of a "
    "tagging model writes NAME_text"
)
