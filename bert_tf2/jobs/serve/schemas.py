"""What requests hold, for /openapi.json."""

from typing import Any

_ERROR = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
_REFUSALS = {
    "400": "The body is wrong; the error says what and, of several texts, which.",
    "401": "A key is wanted.",
    "404": "There is no such model.",
    "408": "The body came too slowly.",
    "413": "The body is too large.",
    "429": "Too many texts wait; ask again after the seconds of Retry-After.",
    "500": "The model failed.",
    "503": "The server is stopping.",
}


def _described(properties: dict[str, Any], required: list[str], answer: dict[str, Any]) -> dict[str, Any]:
    """A body and its answers, in OpenAPI's form."""
    body = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    refusals = {status: {"description": text, "content": _json(_ERROR)} for status, text in _REFUSALS.items()}
    answers = {"200": {"description": "The answers, in the order of what was asked.", "content": _json(answer)}}
    return {"requestBody": {"required": True, "content": _json(body)}, "responses": answers | refusals}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


_VECTORS = {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}
_ID = {"description": "Comes back with the answer.", "type": ["string", "number", "null"]}

ENCODE = _described(
    {
        "id": _ID,
        "texts": {
            "type": "array",
            "minItems": 1,
            "items": {"description": "A text, a list of two, or with is_tokenized a list of tokens."},
        },
        "is_tokenized": {"type": "boolean", "default": False},
        "model": {"type": "string", "description": "A model's name; the first one of vectors when it is not given."},
    },
    ["texts"],
    {"type": "object", "properties": {"id": _ID, "results": _VECTORS, "status": {"type": "integer"}}},
)
PREDICT = _described(
    {
        "instances": {"type": "array", "minItems": 1, "items": {"description": "What `takes` of the model's state says."}},
        "signature_name": {"type": "string", "enum": ["serving_default"]},
    },
    ["instances"],
    {"type": "object", "properties": {"predictions": {"type": "array", "items": {}}}},
)
