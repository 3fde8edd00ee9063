"""Finding entities in texts from Python, with the model loaded once."""

import dataclasses
import math
from collections.abc import Iterable, Iterator

from bert_tf2.errors import JobError
from bert_tf2.inference.saved_model import SavedModelPredictor, in_batches
from bert_tf2.model_directory.exported_models import text_tensor

_OUTPUTS = ("text_number", "type", "text", "start", "end", "probability")


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


class EntityTagger(SavedModelPredictor):
    """Finds entities in texts.

        tagger = EntityTagger.from_saved_model("export_text")
        tagger.tag("Ada Lovelace lived in London.")[0].type

    A text may be of any length. Half a surrogate pair, which no text holds, counts as U+FFFD.

    Args:
      loaded: a SavedModel as TensorFlow loads it, whose `serving_default` is `EntityTaggingModule.tag`.
    """

    inputs = ("text",)
    outputs = _OUTPUTS
    wanted = "a tagger of texts"
    which = (
        "give the directory of the model that takes text: run_classifier.py --mode=export_only --model_export_path=NAME of a "
        "tagging model writes NAME_text"
    )

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
        for batch in in_batches(texts, batch_size):
            yield from self._tag_batch(batch)

    def _tag_batch(self, texts: list[str]) -> list[list[Entity]]:
        outputs = self._signature(text=text_tensor(texts))
        columns = {name: outputs[name].numpy().tolist() for name in _OUTPUTS}
        if not all(map(math.isfinite, columns["probability"])):
            raise JobError("the model's logits are not finite; its weights are not usable")
        found: list[list[Entity]] = [[] for _ in texts]
        for number, kind, text, start, end, probability in zip(*(columns[name] for name in _OUTPUTS)):
            found[number].append(Entity(kind.decode(), text.decode(), start, end, probability))
        return found
