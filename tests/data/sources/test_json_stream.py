"""A JSON object read value by value, in blocks of any size."""

import json
import random

import pytest

from bert_tf2.data.sources import json_stream
from bert_tf2.data.sources.json_stream import JsonStream
from bert_tf2.errors import UserError


def read(path) -> dict:
    """The whole object, its lists element by element."""
    stream = JsonStream(str(path))
    found = {}
    for key in stream.members():
        found[key] = list(stream.elements(key)) if stream.next_character() == "[" else stream.value()
    assert stream.next_character() == ""
    return found


def random_value(draw: random.Random, depth: int = 0):
    kind = draw.randrange(7 if depth < 3 else 5)
    if kind < 2:
        letters = ["a", "é", "\u4f60", "\U0001f600", "\\", '"', "\n", "\x00", "]", "}", ","]
        return "".join(draw.choices(letters, k=draw.randrange(9)))
    if kind < 5:
        return [draw.randrange(10**9), -draw.random(), None][kind - 2]
    values = [random_value(draw, depth + 1) for _ in range(draw.randrange(4))]
    return values if kind == 5 else {f"k{i}": value for i, value in enumerate(values)}


@pytest.mark.parametrize("block", [1, 2, 3, 7, 64])
def test_equals_the_json_library_with_any_block(tmp_path, monkeypatch, block):
    monkeypatch.setattr(json_stream, "_BLOCK", block)
    draw, path = random.Random(block), tmp_path / "x.json"
    for number in range(150):
        value = {f"key{i}": random_value(draw) for i in range(draw.randrange(4))}
        text = json.dumps(value, ensure_ascii=draw.random() < 0.5, indent=draw.choice([None, 2]))
        path.write_bytes((b"\xef\xbb\xbf" if number % 3 else b"") + text.encode())
        assert read(path) == value


def test_control_characters_and_half_pairs(tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(
        b'{"a": "x\ny\x00\\u0000", "b": ["\\ud83d\\ude00", "\\ud83d.", "\\uDE00"], "c": {"\\ud83d": [1, "\\ud83d"]}}'
    )
    assert read(path) == {
        "a": "x\ny\x00\x00",
        "b": ["\U0001f600", "\ufffd.", "\ufffd"],
        "c": {"\ufffd": [1, "\ufffd"]},
    }


BROKEN = {
    "nothing after a key": ('{"a"', ":1:5: not valid JSON: expected ':' after the key 'a', found the end"),
    "a comma too many": ('{"a": [1,\n 2,]}', ":2:4: not valid JSON: "),
    "no comma": ('{"a": [1,\n 2 3]}', ":2:4: not valid JSON: expected ',' or ']' between the elements of a, found '3'"),
    "cut inside a text": ('{"a": "bc', ":1:7: not valid JSON: unterminated string"),
    "cut inside a list": ('{"a": [1', ":1:9: not valid JSON: expected ',' or ']' between the elements of a, found the end"),
    "cut inside an object": ('{\n"a": [{"b": 1', ":2:14: not valid JSON: expecting ','"),
    "another bracket": ('{"a": {"b": 1]}', ":1:14: not valid JSON: "),
    "a bare word": ('{"a": nope}', ":1:7: not valid JSON: expecting value"),
    "a wrong escape": ('{"a":\n  "\\x"}', ":2:4: not valid JSON: invalid \\escape"),
    "a key that is no text": ("{1: 2}", ":1:2: not valid JSON: expected '\"' before a key, found '1'"),
    "nesting": ('{"a": {"b": ' + "[" * 200_000, ": not valid JSON: values nested too deeply"),
    "a huge number": ('{"a": {"b": ' + "1" * 5000 + "}}", ":1:7: not valid JSON: "),
    "no object": ("[1]", ":1:1: not valid JSON: expected '{' at the beginning, found '['"),
    "empty": ("", " is empty, not a JSON file"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_named_with_line_and_column(tmp_path, name):
    content, message = BROKEN[name]
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(UserError) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


def test_line_and_column_of_an_error_far_into_the_file(tmp_path):
    path = tmp_path / "x.json"
    rows = ",\n".join(json.dumps({"text": "x" * 1000}) for _ in range(3000))
    path.write_text(f'{{"data": [\n{rows},\n {{"text": oops}}]}}')
    with pytest.raises(UserError, match=r":3002:11: not valid JSON: expecting value"):
        read(path)


def test_an_error_ends_the_reading_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(json_stream, "_BLOCK", 64)
    path = tmp_path / "x.json"
    # Nothing after the error is read, or it would be the first complaint.
    path.write_bytes(b'{"data": [{"text": oops}, ' + b" " * 1000 + b"\xff")
    with pytest.raises(UserError, match=r":1:20: not valid JSON"):
        read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": "é"}'.encode("latin-1"), "byte 8 (0xE9) is not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "the file is UTF-16; save it as UTF-8"),
        (('{"a": "' + "é" * 200_000 + '"').encode() + b"\xc3", "byte 400,009 (0xC3) is not UTF-8"),
    ],
    ids=["latin-1", "UTF-16", "cut"],
)
def test_other_encodings(tmp_path, content, message):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read(path)
    assert message in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match="cannot read"):
        JsonStream(str(tmp_path / "none.json")).next_character()
    with pytest.raises(UserError, match="cannot read"):
        JsonStream(str(tmp_path)).next_character()
