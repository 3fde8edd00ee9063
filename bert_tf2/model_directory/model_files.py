"""What a model directory holds beside its checkpoints, so that nothing else is needed to use them.

`bert_config.json`, the vocabulary (`vocab.txt`, `spiece.model`, or `tokenizer.json` of a byte-level BPE) with
`tokenizer_config.json`, and `meta_data.json` of the training: its task, labels, length and casing. A training writes them when it
begins; evaluation, prediction, export and conversion read what their command leaves out. Records take their vocabulary along too,
beside their metadata: a training that begins with records knows no other.
"""

import dataclasses
import json
import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from bert_tf2 import files, saved_models
from bert_tf2.data.records.metadata import MetaData, to_json
from bert_tf2.errors import UserError
from bert_tf2.options import Options
from bert_tf2.text import tokenizer_config
from bert_tf2.text.byte_level.tokenizer import ByteLevelBPETokenizer
from bert_tf2.text.byte_level.vocabulary import of_tokenizer_json
from bert_tf2.text.normalization import Normalization
from bert_tf2.text.tokenizer_files import BYTE_LEVEL_CLASS
from bert_tf2.text.vocabulary import SENTENCEPIECE_MODEL, read_bytes, sentencepiece_model_in, vocabulary_in

if TYPE_CHECKING:
    from bert_tf2.models.config import BertConfig
    from bert_tf2.text.tokenizer import Tokenizer

logger = logging.getLogger(__name__)

BERT_CONFIG, HUGGING_FACE_CONFIG = "bert_config.json", "config.json"
CONFIG_NAMES = (BERT_CONFIG, HUGGING_FACE_CONFIG)
META_DATA = "meta_data.json"
WORDPIECE_VOCABULARY, BYTE_LEVEL_BPE = "vocab.txt", "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
MODEL_FILES = (BERT_CONFIG, META_DATA, WORDPIECE_VOCABULARY, SENTENCEPIECE_MODEL, BYTE_LEVEL_BPE, TOKENIZER_CONFIG)
"""The names that a training writes."""

_VOCABULARY_FLAGS = {
    WORDPIECE_VOCABULARY: "vocab_file",
    BYTE_LEVEL_BPE: "vocab_file",
    SENTENCEPIECE_MODEL: "sp_model_file",
}
_VOCABULARY_NAMES = {"wordpiece": WORDPIECE_VOCABULARY, "sentencepiece": SENTENCEPIECE_MODEL, "bytelevelbpe": BYTE_LEVEL_BPE}
_Options = TypeVar("_Options", bound=Options)


def completed(options: _Options, places: Sequence[str | None], needs_metadata: bool = True) -> _Options:
    """The options with the files that they leave open, where these lie in a model directory or beside the metadata.

    Args:
      options: of a command with some of `bert_config_file`, `input_meta_data_path`, `vocab_file` and `sp_model_file`.
      places: checkpoints and directories where to look, the first that holds a file first; for a training, which names its
        model itself, a module of TF-Hub or none.
      needs_metadata: whether the command takes the training's metadata; others have their own.
    """
    known = {field.name for field in dataclasses.fields(options)}
    directories = list(dict.fromkeys(directory_of(files.expand(place)) for place in places if place))
    found: dict[str, str | None] = {}
    for flag, names in {"bert_config_file": CONFIG_NAMES, "input_meta_data_path": (META_DATA,) * needs_metadata}.items():
        if getattr(options, flag, "") is None:
            paths = (os.path.join(directory, name) for directory in directories for name in names)
            found |= {flag: next(filter(files.exists, paths), None)}
    if "bert_config_file" in found and found["bert_config_file"] is None:
        # Its weights tell the configuration.
        found["bert_config_file"] = next(filter(saved_models.is_saved_model, directories), None)
    if not any(getattr(options, flag, None) for flag in _VOCABULARY_FLAGS.values()):
        meta_data_path = getattr(options, "input_meta_data_path", None)
        vocabularies = [vocabulary_beside(meta_data_path)] if meta_data_path else []
        vocabularies += [_vocabulary_in(one) for one in directories]
        found |= next(filter(None, vocabularies), {})
    found = {flag: path for flag, path in found.items() if flag in known and path is not None}
    if found:
        logger.info("found: %s", " ".join(f"--{flag}={path}" for flag, path in found.items()))
    return dataclasses.replace(options, **found)


def vocabulary_beside(meta_data_path: str) -> dict[str, str]:
    """The vocabulary that lies beside the metadata of records, by the flag that would name it; empty where there is none."""
    for name, flag in _VOCABULARY_FLAGS.items():
        if files.exists(path := beside_meta_data(files.expand(meta_data_path), name)):
            return {flag: path}
    return {}


def _vocabulary_in(directory: str) -> dict[str, str]:
    if (vocabulary := vocabulary_in(directory)) is not None:
        return {"vocab_file": vocabulary}
    path = sentencepiece_model_in(directory)
    return {} if path is None else {"sp_model_file": path}


def directory_of(place: str) -> str:
    """The directory of a checkpoint, which may be named by it."""
    if files.is_remote(place):
        return place if files.exists(os.path.join(place, BERT_CONFIG)) else os.path.dirname(place)
    return place if os.path.isdir(place) else os.path.dirname(place) or "."


def planned(
    directory: str, config: "BertConfig", meta: MetaData | None, tokenizer: "Tokenizer | None", *, replaces: bool
) -> dict[str, bytes]:
    """What has to be written into a model directory so that it holds all that is needed: contents by path.

    A file that says the same already stays as it is, were it the very one that the command named.

    Args:
      directory: `--model_dir`.
      config: the encoder's configuration.
      meta: the metadata of the training data; None where there is none.
      tokenizer: of the training data; None where it is not known.
      replaces: whether files there are those of a training that left nothing else, and may be replaced.

    Raises:
      UserError: a file of such a name says something else, and was not written by a training.
    """
    wanted: dict[str, bytes] = {BERT_CONFIG: _json(config.to_dict())}
    if meta is not None:
        wanted[META_DATA] = _json(to_json(meta))
    if tokenizer is not None:
        wanted[_vocabulary_name(tokenizer)] = tokenizer.vocabulary_file()
        wanted[TOKENIZER_CONFIG] = _json(tokenizer_settings(tokenizer))
    contents = {}
    for name, content in wanted.items():
        path = os.path.join(directory, name)
        if files.exists(path) and _says_the_same(name, read_bytes(path, "model_dir"), content):
            continue
        if files.exists(path) and not replaces:
            raise UserError(f"{path} is not this training's, which keeps its own there; name another --model_dir, or move it")
        contents[path] = content
    return contents


def write_whole(path: str, content: bytes) -> None:
    """Writes a file, whole or not at all."""
    with files.written_whole(path) as temporary, files.open_to_write(temporary) as file:
        file.write(content)


def write_vocabulary_beside(meta_data_path: str, tokenizer: "Tokenizer") -> None:
    """Puts the vocabulary of records beside their metadata, under a name that belongs to it."""
    path = beside_meta_data(files.expand(meta_data_path), _vocabulary_name(tokenizer))
    if os.path.realpath(path) == os.path.realpath(files.expand(tokenizer.file)):
        return
    write_whole(path, tokenizer.vocabulary_file())


def beside_meta_data(meta_data_path: str, name: str) -> str:
    """Where the vocabulary lies that belongs to a metadata file: `meta_data.vocab.txt` beside `meta_data.json`."""
    return f"{os.path.splitext(meta_data_path)[0]}.{name}"


def tokenizer_settings(tokenizer: "Tokenizer") -> dict[str, Any]:
    """What `tokenizer_config.json` says of a tokenizer, in Hugging Face's keys."""
    if isinstance(tokenizer, ByteLevelBPETokenizer):
        return {"tokenizer_class": BYTE_LEVEL_CLASS, "add_prefix_space": tokenizer.source.add_prefix_space}
    return tokenizer_config.to_json(tokenizer.normalization)


def _vocabulary_name(tokenizer: "Tokenizer") -> str:
    return _VOCABULARY_NAMES[tokenizer.kind]


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=4, ensure_ascii=False) + "\n").encode()


# Of the metadata, what decides how a model is used; the rest tells of records.
_FACTS = ("task_type", "label_list", "num_labels", "max_seq_length", "do_lower_case", "vocab_fingerprint", "tokenization")
# What it meant before it was said, by key.
_LATER_FACTS = {"strip_accents": "do_lower_case", "tokenize_chinese_chars": None, "never_split": None}


def _says_the_same(name: str, there: bytes, wanted: bytes) -> bool:
    """Whether a file means what another does, if in other words."""
    if there == wanted:
        return True
    if name == WORDPIECE_VOCABULARY:
        return there.replace(b"\r\n", b"\n").rstrip() == wanted.replace(b"\r\n", b"\n").rstrip()
    if name == SENTENCEPIECE_MODEL:
        return False
    try:
        former, new = json.loads(there.decode("utf-8-sig")), json.loads(wanted)
    except ValueError:
        return False
    if not isinstance(former, dict):
        return False
    if name == BYTE_LEVEL_BPE:
        try:
            said, wanted_said = of_tokenizer_json(name, former), of_tokenizer_json(name, new)
        except UserError:
            return False
        return said is not None and wanted_said is not None and said.fingerprint == wanted_said.fingerprint
    if name == BERT_CONFIG:
        from bert_tf2.models.families.base import config_of

        try:
            return config_of(former).to_dict() == new
        except UserError:
            return False
    if name == META_DATA:
        later = (former.get(key, former.get(before)) == new.get(key, new.get(before)) for key, before in _LATER_FACTS.items())
        return all(former.get(key) == new.get(key) for key in _FACTS) and all(later)
    # Further settings of the tokenizer's publisher may stand there.
    if bool(former.get("add_prefix_space")) != bool(new.get("add_prefix_space")):
        return False
    try:
        return Normalization(**tokenizer_config.settings(name, former)) == Normalization(**tokenizer_config.settings(name, new))
    except UserError:
        return False
