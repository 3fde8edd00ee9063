"""Attention weights as arrays, and as a page to look at."""

import html
import importlib.resources
import json
import string
import zipfile
from typing import Any

import numpy as np

from bert_tf2 import files
from bert_tf2.inference.vectors.attentions import Attentions
from bert_tf2.inference.vectors.text_encoder import TextEncoder
from bert_tf2.jobs.commands.input_file import InputFile
from bert_tf2.jobs.vectors.contents import Contents
from bert_tf2.progress import track

_TEMPLATE = "attention_page.html"
_DIGITS = 4


def write_attentions(path: str, attentions: Attentions, source: InputFile, contents: Contents, batch_size: int) -> None:
    """Writes `tokens_0`, `attentions_0`, `tokens_1`, … as .npz, whole or not at all; see `Attentions.of_texts`.

    Args:
      path: where to.
      attentions: of the model.
      source: the texts.
      contents: what was found there.
      batch_size: how many texts go through the model at a time.
    """
    texts = ((row.text, row.text_b) for row in source.rows())
    found = track(attentions.of_texts(texts, batch_size), "computing attention", contents.count, "texts")
    with files.written_whole(path) as temporary, files.open_to_write(temporary) as file, zipfile.ZipFile(file, "w") as archive:
        for index, (tokens, weights) in enumerate(found):
            for name, array in ((f"tokens_{index}", np.array(tokens)), (f"attentions_{index}", weights)):
                # Without a date, the same weights are the same bytes.
                with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, np.ascontiguousarray(array), allow_pickle=False)


def write_page(path: str, attentions: Attentions, encoder: TextEncoder, text: str, text_b: str | None) -> None:
    """Writes a page that shows the heads of a text or a pair: one HTML file that loads nothing else.

    Args:
      path: where to.
      attentions: of the model.
      encoder: the model.
      text, text_b: the text, or the texts of a pair.
    """
    files.write_text(path, page(attentions, encoder, text, text_b))


def page(attentions: Attentions, encoder: TextEncoder, text: str, text_b: str | None) -> str:
    """The page's HTML; see `write_page`."""
    ((tokens, weights),) = attentions.of_texts([(text, text_b)])
    template = encoder.tokenizer.template
    names = {encoder.tokenizer.id_to_token(id) for id in template.special_ids}
    data: dict[str, Any] = {
        "tokens": tokens,
        "special": [token in names for token in tokens],
        "layers": list(attentions.layers),
        "weights": np.round(weights.astype(np.float64), _DIGITS).tolist(),
    }
    # Nothing in a text can end the script or begin another.
    shown = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c").replace("&", "\\u0026")
    title = text if text_b is None else f"{text} ||| {text_b}"
    template_text = importlib.resources.files("bert_tf2.jobs.vectors").joinpath(_TEMPLATE).read_text(encoding="utf-8")
    return string.Template(template_text).substitute(title=html.escape(title), data=shown)
