"""From a path to a served model: what it holds decides the kind."""

import os
from typing import Any

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
from bert_tf2.inference.vectors.text_encoder import TextEncoder
from bert_tf2.model_directory.exported_models import inputs_and_outputs, load_saved_model, not_for_text, saved_model_in
from bert_tf2.model_directory.model_files import META_DATA
from bert_tf2.training.run_directory import RUN_CONFIG

_EXPORT = "export it with --mode=export_only --model_export_path=NAME, and give NAME_text"
_WHICH = (
    "give a checkpoint, the directory of a training, or what --model_export_path=NAME of run_classifier.py or run_squad.py "
    "writes as NAME_text"
)
# What a training's metadata say of it; a checkpoint has none.
_OF_VECTORS = (None, "bert_similarity", "bert_pretraining")
# Of exports with a signature of their own.
_PREDICTORS: tuple[tuple[type[SavedModelPredictor], Any], ...] = (
    (QuestionAnswerer, ServedAnswerer),
    (ChoiceSelector, ServedSelector),
    (EntityTagger, ServedTagger),
)


def open_model(name: str, path: str, kind: str | None = None, **settings: Any) -> ServedModel:
    """Loads what a path holds.

    Args:
      name: of the model.
      path: a checkpoint of any form, the directory of a training, or an export that takes text. An export is a program, which
        runs with your rights.
      kind: `vectors`, `classifier` or `fill_mask`, where a directory can be several; None for what it was trained for, vectors
        for a bare checkpoint.
      settings: how vectors are made, the fields of `VectorSettings`; other kinds do not look at them.

    Raises:
      UserError: there is nothing there, or nothing that can be served.
    """
    path = files.expand(path).rstrip("/") or "/"
    if not files.is_remote(path) and not os.path.isdir(path) and not _is_prefix(path):
        raise UserError(f"--model: no such directory or checkpoint: {path}; {_WHICH}")
    saved = None if os.path.isfile(path) else saved_model_in(path)
    if saved is not None and kind is None:
        return _exported(name, path, saved, bool(settings.get("normalize")))
    trained_for = None if os.path.isfile(path) else files.read_object(path, META_DATA).get("task_type")
    if kind is None:
        kind = _kind_of(path, trained_for)
    if kind == "classifier":
        return ServedClassifier(name, TextClassifier.from_run(path))
    if kind == "fill_mask":
        return ServedMaskFiller(name, MaskFiller.from_checkpoint(path))
    if files.exists(os.path.join(path, RUN_CONFIG)):
        return ServedVectors(name, TextEncoder.from_run(path, **settings))
    return ServedVectors(name, TextEncoder.from_checkpoint(path, **settings))


def _is_prefix(path: str) -> bool:
    return os.path.exists(path) or os.path.exists(path + ".index")


def _kind_of(path: str, task_type: Any) -> str:
    """What the model of a training's directory does.

    Raises:
      UserError: only its export does it.
    """
    from bert_tf2.tasks.classification.kind import TASK_TYPES

    if task_type in _OF_VECTORS:
        return "vectors"
    if task_type in TASK_TYPES:
        return "classifier"
    raise UserError(f"--model={path} is a training of {task_type}, which is served by its export; {_EXPORT}")


def _exported(name: str, path: str, saved: str, normalize: bool) -> ServedModel:
    loaded = load_saved_model(saved)
    inputs, outputs = inputs_and_outputs(loaded)
    for predictor, served in _PREDICTORS:
        if inputs == sorted(predictor.inputs) and set(predictor.outputs) <= set(outputs):
            return served(name, predictor(loaded))
    if inputs in (["text"], ["text", "text_b"]) and {"score", "probabilities"} & set(outputs):
        return ServedClassifier(name, TextClassifier(SavedModelBackend(loaded)))
    if inputs == ["text"] and "embedding" in outputs:
        return ServedVectorExport(name, loaded, normalize)
    raise not_for_text("model", path, loaded, "a model of text that is served", _WHICH)
