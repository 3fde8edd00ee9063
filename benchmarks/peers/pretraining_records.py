"""Records for the pre-training benchmark: one set of examples of a book, in the garden's layout and in ours."""

import dataclasses
import pathlib
import random

import tensorflow as tf
from official.nlp.data import create_pretraining_data
from official.nlp.tools import tokenization
from peers import book

from bert_tf2.data.records.parsing import parse_records
from bert_tf2.data.records.record_writer import RecordWriter
from bert_tf2.tasks.pretraining.features import pretraining_features

# The share of a row's tokens that is masked, and of rows that are shorter: Google's defaults.
_MASKED_LM_PROB, _SHORT_SEQ_PROB = 0.15, 0.1


@dataclasses.dataclass(frozen=True)
class Material:
    """A text and what rows are made of it.

    Attributes:
      text_file: paragraphs, with a blank line between them.
      vocab_file: WordPiece, lower-cased.
      paragraphs: that make a document.
      max_seq_length: tokens of a full row.
      max_predictions: most predictions of a row.
    """

    text_file: str
    vocab_file: str
    paragraphs: int
    max_seq_length: int
    max_predictions: int


def make(material: Material, work: pathlib.Path) -> dict[str, str]:
    """Makes the records by the garden's own functions, unless they are there; returns the files by side."""
    name = f"{pathlib.Path(material.text_file).stem}_{material.paragraphs}_{material.max_seq_length}.tfrecord"
    paths = {side: str(work / f"{side}_{name}") for side in ("garden", "ours")}
    if all(pathlib.Path(path).is_file() for path in paths.values()):
        return paths
    sentences = work / "sentences.txt"
    text = pathlib.Path(material.text_file).read_text(encoding="utf-8-sig")
    sentences.write_text(book.sentences(text, material.paragraphs), encoding="utf-8")
    tokenizer = tokenization.FullTokenizer(vocab_file=material.vocab_file, do_lower_case=True)
    instances = create_pretraining_data.create_training_instances(
        [str(sentences)],
        tokenizer,
        create_pretraining_data.get_processor_text_fn(False, True),
        material.max_seq_length,
        1,
        _SHORT_SEQ_PROB,
        _MASKED_LM_PROB,
        material.max_predictions,
        random.Random(12345),
    )
    create_pretraining_data.write_instance_to_example_files(
        instances, tokenizer, material.max_seq_length, material.max_predictions, [paths["garden"]], False, False
    )
    _write_unpadded(paths["garden"], paths["ours"])
    return paths


def _write_unpadded(source: str, target: str) -> None:
    specs = pretraining_features()
    with RecordWriter(target, specs) as writer:
        for serialized in tf.data.TFRecordDataset(source):
            features = {name: value.numpy()[0] for name, value in parse_records(serialized[tf.newaxis], specs).items()}
            writer.write({spec.name: _values(features[spec.key]) for spec in specs})


def _values(feature) -> object:
    return feature.tolist() if feature.ndim else int(feature)
