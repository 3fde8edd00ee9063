"""What is known of a checkpoint besides its weights: from flags, and from the files that lie beside it.

That is a run directory's own (`bert_config.json`, `meta_data.json`, the vocabulary, `run_config.json`), Google's, or
Hugging Face's (`config.json`, `vocab.txt`, `tokenizer.json` or `vocab.json`, `tokenizer_config.json`).
"""

import dataclasses
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

from bert_tf2 import files, saved_models
from bert_tf2.data.records.metadata import (
    CLASSIFICATION,
    MULTI_LABEL,
    REGRESSION,
    MetaData,
    facts_of_tokenizer,
    read_meta_data,
    to_json,
)
from bert_tf2.errors import UserError
from bert_tf2.model_directory.metadata_checks import check_symbols
from bert_tf2.model_directory.model_files import CONFIG_NAMES, HUGGING_FACE_CONFIG, META_DATA
from bert_tf2.models.checkpoints.configuration import read_configuration
from bert_tf2.models.checkpoints.hugging_face import labels_in
from bert_tf2.models.config import BertConfig
from bert_tf2.models.families.base import config_of, read_config
from bert_tf2.tasks.kind import kinds
from bert_tf2.tasks.multiple_choice.facts import ChoiceFacts
from bert_tf2.tasks.tagging.facts import TaggingFacts, facts_of
from bert_tf2.tasks.tagging.schemes import recognise
from bert_tf2.text.byte_level import vocabulary as byte_level_vocabulary
from bert_tf2.text.normalization import Normalization
from bert_tf2.text.tokenizer import Tokenizer, casing_warning, load_tokenizer
from bert_tf2.text.tokenizer_config import read_beside
from bert_tf2.text.tokenizer_files import CONFIG, VOCABULARY, tokenizer_files
from bert_tf2.text.vocabulary import SENTENCEPIECE_MODEL, sentencepiece_model_in, vocabulary_in
from bert_tf2.training.run_directory import RUN_CONFIG

logger = logging.getLogger(__name__)

_SEVERAL_LABELS = "multi_label_classification"
"""What Hugging Face calls it where a text has any number of labels."""


@dataclasses.dataclass(frozen=True)
class ConversionSource:
    """What goes with the weights.

    Attributes:
      config: the model's shape.
      config_path: where that was read.
      tokenizer: the model's; None where no vocabulary is known.
      label_names: of a classifier, in the order of their ids; empty where they are not known.
      problem_type: of a classifier, as Hugging Face's `config.json` gives it; None where that goes by the number of classes.
      tagging: what the metadata say of tagged words, or what the labels tell of it; None for a model that tags none.
      choices: what the metadata say of questions with choices; None for a model that answers none.
    """

    config: BertConfig
    config_path: str
    tokenizer: Tokenizer | None
    label_names: tuple[str, ...]
    problem_type: str | None
    tagging: TaggingFacts | None = None
    choices: ChoiceFacts | None = None

    @property
    def kind(self) -> str | None:
        """What the model is converted as; None for what its heads say."""
        return "tagger" if self.tagging is not None else None if self.choices is None else "multiple_choice"

    def files_beside(self, classes: int | None) -> dict[str, bytes]:
        """What to put beside a TensorFlow checkpoint, so that it can be used and converted back: contents by name.

        Args:
          classes: of the classifier; None for a model that is none.
        """
        contents = {}
        sentencepiece_class = self.config.form.sentencepiece_tokenizer
        if self.tokenizer is not None and (self.tokenizer.kind != "sentencepiece" or sentencepiece_class):
            written = tokenizer_files(self.tokenizer, self.config.longest_input, sentencepiece_class)
            names = (VOCABULARY, SENTENCEPIECE_MODEL, byte_level_vocabulary.VOCABULARY, byte_level_vocabulary.MERGES, CONFIG)
            contents = {name: written[name] for name in names if name in written}
        if classes is not None:
            contents[META_DATA] = (files.json_text(to_json(self._meta_data(classes)))).encode()
        return contents

    def _meta_data(self, classes: int) -> MetaData:
        facts = {}
        if self.tokenizer is not None:
            facts = facts_of_tokenizer(self.tokenizer)
        if self.tagging is not None:
            return MetaData(
                task_type=kinds.get("tagging").task_type,
                max_seq_length=self.config.usual_input,
                sizes={"train": 0},
                num_labels=classes,
                label_list=self.label_names,
                extra=dataclasses.asdict(self.tagging),
                **facts,
            )
        if self.choices is not None:
            length, extra = self.config.usual_input, self.choices.to_json()
            return MetaData(kinds.get("multiple_choice").task_type, length, {"train": 0}, extra=extra, **facts)
        of_classes = MULTI_LABEL if self.problem_type == _SEVERAL_LABELS else CLASSIFICATION
        return MetaData(
            task_type=REGRESSION if classes == 1 else of_classes,
            max_seq_length=self.config.usual_input,
            sizes={"train": 0},
            num_labels=None if classes == 1 else classes,
            label_type="float" if classes == 1 else None,
            label_list=self.label_names,
            **facts,
        )


def find_source(
    path: str,
    *,
    bert_config_file: str | None,
    vocab_file: str | None,
    do_lower_case: bool | None,
    strip_accents: bool | None = None,
    sp_model_file: str | None = None,
) -> ConversionSource:
    """Finds what goes with the weights.

    Args:
      path: the opened checkpoint's prefix or file.
      bert_config_file, vocab_file, sp_model_file, do_lower_case, strip_accents: what the command says; None for what lies beside
        the weights.

    Raises:
      UserError: there is no configuration, or a file cannot be used.
    """
    directory = saved_models.folder_of(path) or os.path.dirname(path) or "."
    run = files.read_object(directory, RUN_CONFIG).get("run")
    run = run if isinstance(run, dict) else {}
    config, config_path = _config(directory, bert_config_file, run)
    facts = run["data"] if isinstance(run.get("data"), dict) else {}
    meta_path = os.path.join(directory, META_DATA)
    if files.exists(meta_path):
        meta = read_meta_data(meta_path)
        lower_case = None if meta.normalization is None else meta.normalization.fact
        facts = {"labels": list(meta.label_list), "do_lower_case": lower_case, "task": meta.task_type} | {
            name: value for name, value in facts.items() if value is not None
        }
    hugging_face = files.read_object(directory, HUGGING_FACE_CONFIG)
    labels = labels_in(hugging_face) or tuple(facts.get("labels") or ())
    is_told = do_lower_case is not None or strip_accents is not None
    trained_with = None if is_told else Normalization.of_fact(facts.get("do_lower_case"))
    tokenizer = _tokenizer(directory, vocab_file, sp_model_file, do_lower_case, strip_accents, trained_with)
    if tokenizer is not None:
        check_symbols(tokenizer, config)
    problem_type = hugging_face.get("problem_type")
    if not isinstance(problem_type, str):
        problem_type = _SEVERAL_LABELS if facts.get("task") == MULTI_LABEL else None
    tagging, choices = _tagging(meta_path, hugging_face, labels), _choices(meta_path, hugging_face)
    return ConversionSource(config, config_path, tokenizer, labels, problem_type, tagging, choices)


def _choices(meta_path: str, hugging_face: Mapping[str, Any]) -> ChoiceFacts | None:
    """What is known of a model that chooses among answers; None for others."""
    if files.exists(meta_path) and (meta := read_meta_data(meta_path)).task_type == kinds.get("multiple_choice").task_type:
        return ChoiceFacts.of(meta)
    return ChoiceFacts() if _is_class(hugging_face, "ForMultipleChoice") else None


def _is_class(hugging_face: Mapping[str, Any], ending: str) -> bool:
    architectures = hugging_face.get("architectures")
    return isinstance(architectures, list) and any(str(name).endswith(ending) for name in architectures)


def _tagging(meta_path: str, hugging_face: Mapping[str, Any], labels: Sequence[str]) -> TaggingFacts | None:
    """What is known of a model that tags words; None for others."""
    if files.exists(meta_path) and (meta := read_meta_data(meta_path)).task_type == kinds.get("tagging").task_type:
        return facts_of(meta)
    return TaggingFacts(recognise([label] for label in labels)) if _is_class(hugging_face, "ForTokenClassification") else None


def _config(directory: str, bert_config_file: str | None, run: dict[str, Any]) -> tuple[BertConfig, str]:
    if bert_config_file is not None:
        return read_configuration(bert_config_file), files.expand(bert_config_file)
    for name in CONFIG_NAMES:
        path = os.path.join(directory, name)
        if files.exists(path):
            return read_config(path), path
    if isinstance(run.get("bert_config"), dict):
        return config_of(run["bert_config"]), os.path.join(directory, RUN_CONFIG)
    if saved_models.is_saved_model(directory):
        return read_configuration(directory), directory
    raise UserError(f"--bert_config_file is required: there is no {' or '.join(CONFIG_NAMES)} in {directory}")


def _tokenizer(
    directory: str,
    vocab_file: str | None,
    sp_model_file: str | None,
    do_lower_case: bool | None,
    strip_accents: bool | None,
    normalization: Normalization | None,
) -> Tokenizer | None:
    """The tokenizer of the vocabulary that the command names, or of the one beside the weights; None where there is none."""
    if sp_model_file is None:
        vocab_file = vocab_file or vocabulary_in(directory)
        sp_model_file = sentencepiece_model_in(directory) if vocab_file is None else None
    if vocab_file is None and sp_model_file is None:
        return None
    tokenizer = load_tokenizer(
        vocab_file=vocab_file,
        sp_model_file=sp_model_file,
        tokenization="SentencePiece" if sp_model_file else "WordPiece",
        do_lower_case=do_lower_case,
        strip_accents=strip_accents,
        normalization=normalization,
    )
    for notice in tokenizer.notices:
        logger.warning("%s", notice)
    # What the vocabulary's publisher says of it needs no doubt.
    published = read_beside(tokenizer.file).settings.get("do_lower_case")
    if tokenizer.do_lower_case != published and (warning := casing_warning(tokenizer)) is not None:
        logger.warning("%s", warning)
    return tokenizer
