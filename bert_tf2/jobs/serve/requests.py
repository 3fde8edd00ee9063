"""From the body of a request to instances that a model takes; what is wrong becomes a status and one line."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from bert_tf2.errors import UserError, did_you_mean
from bert_tf2.inference.served.served_model import ServedModel, check_texts, named, shown


class RequestError(Exception):
    """A request that is not answered with what it asks for.

    Args:
      status: of HTTP.
      message: one line.
      headers: further ones of the answer.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None):
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})


@dataclasses.dataclass(frozen=True)
class Limits:
    """How much a request may ask for; the fields are the options'."""

    max_texts: int
    max_characters: int
    max_body_bytes: int
    body_timeout_s: float


@dataclasses.dataclass(frozen=True)
class EncodeRequest:
    """What bert-as-service's clients send.

    Attributes:
      id: which the answer has too; a text, a number or None.
      texts: not yet checked one by one.
      model: which is meant; None for the first one of vectors.
    """

    id: Any
    texts: list[Any]
    model: str | None


def read_json(body: bytes) -> dict[str, Any]:
    """The object that a body holds.

    Raises:
      RequestError: it holds none.
    """
    try:
        value = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        byte = error.start + 1
        raise RequestError(400, f"the body is not UTF-8: byte {byte} is 0x{body[error.start]:02X}") from None
    except json.JSONDecodeError as error:
        raise RequestError(400, f"the body is not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from None
    except (ValueError, RecursionError):
        raise RequestError(400, "the body is JSON that is too deep, or holds a number that is too long") from None
    if not isinstance(value, dict):
        raise RequestError(400, f"the body must be a JSON object; got {named(value)}")
    return value


def encode_request(value: dict[str, Any], limits: Limits) -> EncodeRequest:
    """The body of `/encode`; with `is_tokenized` the texts are lists of the vocabulary's tokens.

    Raises:
      RequestError: it is none.
    """
    _check_keys(value, ("texts",), ("id", "is_tokenized", "model"))
    texts = _listed(value, "texts", limits)
    name, is_tokenized = value.get("model"), value.get("is_tokenized", False)
    _check_id(value.get("id"))
    if not isinstance(name, str | None):
        raise RequestError(400, f"'model' must be a model's name; got {named(name)}")
    if not isinstance(is_tokenized, bool):
        raise RequestError(400, f"'is_tokenized' must be true or false; got {named(is_tokenized)}")
    if is_tokenized:
        for place, text in enumerate(texts):
            if not isinstance(text, list) or not all(isinstance(token, str) for token in text):
                raise RequestError(400, f"texts[{place}] must be a list of tokens, since is_tokenized is true; got {named(text)}")
        texts = [{"tokens": text} for text in texts]
    return EncodeRequest(value.get("id"), texts, name)


def predict_request(value: dict[str, Any], limits: Limits) -> list[Any]:
    """The instances of a body of `:predict`.

    Raises:
      RequestError: it is none.
    """
    _check_keys(value, ("instances",), ("signature_name",))
    if value.get("signature_name", "serving_default") != "serving_default":
        raise RequestError(400, "'signature_name' must be serving_default; a model here has no other")
    return _listed(value, "instances", limits)


def prepared(model: ServedModel, instances: list[Any], called: str, limits: Limits) -> list[Any]:
    """The instances as the model takes them: all, or none where one is wrong.

    Args:
      model: whose they are.
      instances: JSON values.
      called: what they are in the body, for messages: "texts".
      limits: how large one may be.

    Raises:
      RequestError: the first that is wrong, by its place.
    """
    found = []
    for place, instance in enumerate(instances):
        try:
            check_texts(instance, limits.max_characters)
            found.append(model.check(instance))
        except UserError as error:
            raise RequestError(400, f"{called}[{place}]: {error}") from None
    return found


def _check_id(value: Any) -> None:
    if not isinstance(value, str | int | float | None):
        raise RequestError(400, f"'id' must be a text or a number; got {named(value)}")
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        # It could not be sent back.
        raise RequestError(400, "'id' is a number that is not finite, or no text (half of a surrogate pair)") from None


def _listed(value: dict[str, Any], key: str, limits: Limits) -> list[Any]:
    found = value[key]
    if not isinstance(found, list):
        raise RequestError(400, f"'{key}' must be a list; got {named(found)}")
    if not found:
        raise RequestError(400, f"'{key}' is an empty list; give at least one")
    if len(found) > limits.max_texts:
        raise RequestError(400, f"'{key}' holds {len(found):,}, more than the {limits.max_texts:,} of a request; send several")
    return found


def _check_keys(value: dict[str, Any], needed: tuple[str, ...], optional: tuple[str, ...]) -> None:
    for key in value:
        if key not in needed + optional:
            raise RequestError(400, f"there is no key '{shown(key)}'.{did_you_mean(key, needed + optional)}")
    for key in needed:
        if key not in value:
            raise RequestError(400, f"the key '{key}' is missing")
