"""From a path to a served model: what it holds decides the kind."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.inference.choice_selector import ChoiceSelector
from bert_tf2.inference.entity_tagger import EntityTagger
from bert_tf2.inference.mask_filler import MaskFiller
from bert_tf2.inference.question_answerer import QuestionAnswerer
from bert_tf2.inference.saved_model import SavedModelPredictor
from bert_tf2.inference.served.kinds import (
    ServedAnswerer,
    ServedClassifier,
    ServedMaskFiller,
    ServedSelector,
    ServedTagger,
    ServedVectorExport,
    ServedVectors,
)
from bert_tf2.inference.served.served_model import ServedModel
from bert_tf2.inference.text_backends import SavedModelBackend
from bert_tf2.inference.text_classifier import TextClassifier
from bert_tf2.inference.vectors.settings import POOLER, noted_pooling
from bert_tf2.inference.vectors.text_encoder import TextEncoder
from bert_tf2.model_directory.exported_models import inputs_and_outputs, load_saved_model, not_for_text, saved_model_in
from bert_tf2.model_directory.model_files import META_DATA
from bert_tf2.text.vocabulary import sentencepiece_model_in, vocabulary_in
from bert_tf2.training.run_directory import RUN_CONFIG

if TYPE_CHECKING:
    from bert_tf2.tasks.base import Export

TextExport = Callable[[str], "Export"]
"""Gives, of the directory of a training, the model that takes text, as an export would hold it."""

_WHICH = (
    "give a checkpoint, the directory of a training, what --model_export_path=NAME of run_classifier.py or run_squad.py "
    "writes as NAME_text, or the --output_dir of bert_tf2.export"
)
# What `python -m bert_tf2.export` leaves beside a model.
_SETTINGS = "export.json"
# What a training's metadata say of it; a checkpoint has none.
_OF_VECTORS = (None, "bert_similarity", "bert_pretraining")
# Of exports with a signature of their own.
_PREDICTORS: tuple[tuple[type[SavedModelPredictor], Any], ...] = (
    (QuestionAnswerer, ServedAnswerer),
    (ChoiceSelector, ServedSelector),
    (EntityTagger, ServedTagger),
)


def open_model(name: str, path: str, kind: str | None = None, *, text_export: TextExport, **settings: Any) -> ServedModel:
    """Loads what a path holds.

    Args:
      name: of the model.
      path: a checkpoint of any form, the directory of a training, or an export. A SavedModel is a program, which runs with your
        rights.
      kind: `vectors`, `classifier` or `fill_mask`, where a directory can be several; None for what it was trained for, vectors
        for a bare checkpoint.
      text_export: opens trainings whose answers are made inside the model that takes text.
      settings: how vectors are made, the fields of `VectorSettings`; other kinds do not look at them.

    Raises:
      UserError: there is nothing there, or nothing that can be served.
      JobError: the checkpoint of a training cannot be read.
    """
    path = files.expand(path).rstrip("/") or "/"
    if not files.is_remote(path) and not os.path.isdir(path) and not _is_prefix(path):
        raise UserError(f"--model: no such directory or checkpoint: {path}; {_WHICH}")
    normalize = bool(settings.get("normalize"))
    if kind is None and not os.path.isfile(path):
        if files.exists(os.path.join(path, _SETTINGS)):
            from bert_tf2.inference.served.portable import open_portable

            return open_portable(name, path, normalize)
        saved = saved_model_in(path)
        if saved is not None and not _is_module(saved):
            return _by_signature(name, path, load_saved_model(saved), normalize)
        task_type = files.read_object(path, META_DATA).get("task_type")
        is_behind_pooler = "pooling" not in settings and noted_pooling(path) == POOLER
        kind = "classifier" if task_type in _classifying() else "vectors"
        if kind == "vectors" and (task_type not in _OF_VECTORS or is_behind_pooler):
            return _by_signature(name, path, text_export(path), normalize)
    if kind == "classifier":
        return ServedClassifier(name, TextClassifier.from_run(path))
    if kind == "fill_mask":
        return ServedMaskFiller(name, MaskFiller.from_checkpoint(path))
    if files.exists(os.path.join(path, RUN_CONFIG)):
        return ServedVectors(name, TextEncoder.from_run(path, **settings))
    return ServedVectors(name, TextEncoder.from_checkpoint(path, **settings))


def _is_module(saved: str) -> bool:
    """Whether a SavedModel is a module of TF-Hub, which has its vocabulary beside it and whose program is not run."""
    return bool(vocabulary_in(saved) or sentencepiece_model_in(saved))


def _classifying() -> tuple[str, ...]:
    """What metadata call trainings that a `TextClassifier` takes by their directory."""
    from bert_tf2.tasks.classification.kind import TASK_TYPES

    return TASK_TYPES


def _is_prefix(path: str) -> bool:
    return os.path.exists(path) or os.path.exists(path + ".index")


def _by_signature(name: str, path: str, loaded: Any, normalize: bool) -> ServedModel:
    """The model that a SavedModel or an export in memory is, by what it takes and gives.

    Raises:
      UserError: it is none that is served.
    """
    inputs, outputs = inputs_and_outputs(loaded)
    for predictor, served in _PREDICTORS:
        if inputs == sorted(predictor.inputs) and set(predictor.outputs) <= set(outputs):
            return served(name, predictor(loaded))
    if inputs in (["text"], ["text", "text_b"]) and {"score", "probabilities"} & set(outputs):
        return ServedClassifier(name, TextClassifier(SavedModelBackend(loaded)))
    if inputs == ["text"] and "embedding" in outputs:
        return ServedVectorExport(name, loaded, normalize)
    raise not_for_text("model", path, loaded, "a model of text that is served", _WHICH)
