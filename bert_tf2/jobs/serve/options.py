"""The options of `python -m bert_tf2.serve`, and what they must agree in."""

import dataclasses
import re

from bert_tf2 import files
from bert_tf2.errors import UserError, did_you_mean
from bert_tf2.inference.vectors.settings import LONG_TEXTS, POOLINGS, QUANTIZATIONS, VectorSettings, read_layers
from bert_tf2.options import Options, at_least, between, not_negative, option, positive, require_given

KINDS = ("vectors", "classifier", "fill_mask")
"""What a directory of a training or a checkpoint may be asked to be."""
DEFAULT_NAME = "default"
"""Of a model that is given without a name, as TensorFlow Serving calls it."""

_VECTORS, _BATCHES, _LIMITS = "The vectors", "Batches", "Limits"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclasses.dataclass(frozen=True)
class ServeOptions(Options):
    """Which models, where, and how much of it."""

    model: tuple[str, ...] = option(
        (),
        "A model as NAME=PATH, or PATH alone for the name 'default'; may be repeated. PATH is a checkpoint, the directory of a "
        "training, an export that takes text (NAME_text of --model_export_path=NAME), or what bert_tf2.export wrote. A "
        "SavedModel is a program that runs with your rights: give one that you trust.",
        multiple=True,
    )
    kind: tuple[str, ...] = option(
        (),
        "What a model does where its files allow several things, as NAME=KIND, or KIND alone for 'default': "
        f"{', '.join(KINDS)}; may be repeated [default: what it was trained for; vectors for a bare checkpoint].",
        multiple=True,
    )
    module_import: tuple[str, ...] = option(
        (), "Python file or module that registers a kind of task of your own; repeatable.", multiple=True
    )
    host: str = option("127.0.0.1", "The address to listen at; 0.0.0.0 is every one of this machine.")
    port: int = option(8000, "The port; 0 for any free one, which is printed.", check=between(0, 65535))
    api_key_file: str | None = option(
        None, "A file with a key on each line; a request must then have the header 'Authorization: Bearer KEY'."
    )
    pooling: str | None = option(
        None,
        "How the vector of a text is made of its tokens'; see extract_features [default: as in training if that was of vectors; "
        "otherwise mean].",
        choices=POOLINGS,
        section=_VECTORS,
    )
    layers: str | None = option(
        None,
        "Layers whose hidden states are taken: 0 is the first block, -1 the last [default: -1].",
        section=_VECTORS,
        comma_separated=True,
    )
    normalize: bool = option(False, "Give every vector the length 1.", section=_VECTORS)
    max_seq_length: int | None = option(
        None, "The most tokens of an input of vectors [default: 128, or the model's most if that is less].", check=at_least(4),
        section=_VECTORS,
    )  # fmt: skip
    long_text: str = option(
        "truncate", "A text that has more tokens is cut, or read in windows.", choices=LONG_TEXTS, section=_VECTORS
    )
    quantize: str = option(
        "none",
        "int8 computes with weights of 8 bits by ONNX Runtime (extra onnx), which is faster on processors with VNNI; vectors "
        "differ a little, by the batch too.",
        choices=QUANTIZATIONS,
        section=_VECTORS,
    )
    max_batch_size: int = option(
        32,
        "The most texts that go through a model at a time, those of several requests together.",
        check=at_least(1),
        section=_BATCHES,
    )
    max_wait_ms: float = option(
        5.0,
        "How many milliseconds a text waits for others, at most, when the model has nothing to do.",
        check=not_negative,
        section=_BATCHES,
    )
    max_queue: int = option(
        1024, "The most texts that wait for a model; beyond them requests get 429.", check=at_least(1), section=_LIMITS
    )
    max_texts: int = option(256, "The most texts of a request.", check=at_least(1), section=_LIMITS)
    max_characters: int = option(
        20_000, "The most characters of a text, or of all parts of an instance.", check=at_least(1), section=_LIMITS
    )
    max_body_bytes: int = option(4_194_304, "The largest body of a request.", check=at_least(1), section=_LIMITS)
    max_connections: int = option(1000, "The most connections; beyond them requests get 503.", check=at_least(1), section=_LIMITS)
    body_timeout_s: float = option(
        20.0,
        "How many seconds a request may take for its head, and for its body, and a client until it takes more of an answer.",
        check=positive,
        section=_LIMITS,
    )


@dataclasses.dataclass(frozen=True)
class ModelToServe:
    """A model's name, its path, and what it is asked to be; None for what it is."""

    name: str
    path: str
    kind: str | None


def check(options: ServeOptions) -> None:
    """Checks what can be known before any file is read.

    Raises:
      UserError: flags are missing, or contradict each other.
    """
    require_given(options, {"model": "a checkpoint, the directory of a training, or an export that takes text"})
    if options.max_queue < options.max_texts:
        raise UserError(
            f"--max_queue={options.max_queue} is less than --max_texts={options.max_texts}, so that such a request would never "
            "be taken; raise the one or lower the other"
        )
    models_of(options)
    vector_settings(options)


def models_of(options: ServeOptions) -> list[ModelToServe]:
    """The models in the order in which they are given.

    Raises:
      UserError: two have one name, or a kind is unknown or of no model.
    """
    paths: dict[str, str] = {}
    for given in options.model:
        name, path = _named(given)
        if not path:
            raise UserError(f"--model={given} names no path; give NAME=PATH, or PATH alone")
        if name in paths:
            raise UserError(f"--model: two models are called '{name}'; give each a name of its own: --model=NAME=PATH")
        paths[name] = path
    asked: dict[str, str] = {}
    for given in options.kind:
        name, kind = _named(given)
        if kind not in KINDS:
            raise UserError(f"--kind must be one of {', '.join(KINDS)}; got '{kind}'.{did_you_mean(kind, KINDS)}")
        if name not in paths:
            raise UserError(f"--kind={given}: no model is called '{name}'; there are {', '.join(paths)}")
        asked[name] = kind
    return [ModelToServe(name, path, asked.get(name)) for name, path in paths.items()]


def vector_settings(options: ServeOptions) -> dict[str, object]:
    """The fields of `VectorSettings` that were given.

    Raises:
      UserError: two of them contradict each other.
    """
    settings: dict[str, object] = {
        "normalize": options.normalize,
        "max_seq_length": options.max_seq_length,
        "long_text": options.long_text,
        "quantize": options.quantize,
    }
    if options.pooling is not None:
        settings["pooling"] = options.pooling
    if options.layers is not None:
        settings["layers"] = read_layers(options.layers)
    VectorSettings(**settings)  # type: ignore[arg-type]  # each is of its field's type
    return settings


def read_keys(path: str | None) -> tuple[str, ...]:
    """The keys of `--api_key_file`; none where there is no file.

    Raises:
      UserError: it holds no key, or one that no header can hold.
    """
    if path is None:
        return ()
    path = files.require_file(path, "api_key_file")
    try:
        with open(path, encoding="ascii") as file:
            keys = tuple(line.strip() for line in file if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "a key must be of ASCII"
        raise UserError(f"--api_key_file={path} cannot be read: {reason}") from None
    if not keys:
        raise UserError(f"--api_key_file={path} holds no key; write one on each line")
    if any(" " in key or not key.isprintable() for key in keys):
        raise UserError(f"--api_key_file={path}: a key must be without spaces, one on each line")
    return keys


def _named(given: str) -> tuple[str, str]:
    name, separator, value = given.partition("=")
    return (name, value) if separator and _NAME.fullmatch(name) else (DEFAULT_NAME, given)
