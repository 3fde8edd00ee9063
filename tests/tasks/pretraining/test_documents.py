"""Text files as documents of sentences, block by block."""

import json

import pytest

from bert_tf2.errors import UserError
from bert_tf2.tasks.pretraining import documents
from bert_tf2.tasks.pretraining.documents import JSONL, PARAGRAPHS, TextFormat, read_block, scan

SENTENCES = TextFormat()
LONGEST = 8 << 20
BLANK_LINES = "\n \n\t\n\r\n\u3000\n\xa0 \u2003\n\x1c\n\x85\n"


def write(tmp_path, text: str | bytes, name: str = "a.txt") -> str:
    (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return str(tmp_path / name)


def all_documents(
    path: str, text_format: TextFormat = SENTENCES, block_bytes: int = 1, longest: int = LONGEST
) -> list[list[str]]:
    found = []
    for block in scan(path, text_format, block_bytes, longest).blocks:
        part = read_block(block, text_format)
        assert len(part) == block.documents
        found += part
    return found


@pytest.mark.parametrize("block_bytes", [1, 10, 1 << 20])
@pytest.mark.parametrize("end", ["", "\n", "\n\n\n"])
@pytest.mark.parametrize("begin", ["", "\n", "\ufeff"])
def test_blank_lines_end_documents(tmp_path, begin, end, block_bytes):
    text = f"{begin}One.\nTwo. \n{BLANK_LINES}Three.\n\n  Four.\r\nFi\u2028ve.{end}"
    path = write(tmp_path, text)
    expected = [["One.", "Two."], ["Three."], ["Four.", "Fi\u2028ve."]]
    assert all_documents(path, block_bytes=block_bytes) == expected
    scanned = scan(path, SENTENCES, block_bytes, LONGEST)
    assert (scanned.documents, scanned.divided) == (3, 0)
    assert scanned.bytes == len(text.encode())
    assert [block.start for block in scanned.blocks[1:]] == [block.end for block in scanned.blocks[:-1]]


@pytest.mark.parametrize("chunk", [16, 17, 50, 1 << 20])
def test_documents_do_not_depend_on_how_the_file_is_read(tmp_path, monkeypatch, chunk):
    text = "".join(f"Sentence {i}.\n" + "\n" * (i % 4) for i in range(200))
    path = write(tmp_path, text)
    expected = {name: all_documents(path, TextFormat(name)) for name in ("sentences", "paragraphs")}
    assert len(expected["sentences"]) == 150
    monkeypatch.setattr(documents, "_CHUNK", chunk)
    for name, found in expected.items():
        assert all_documents(path, TextFormat(name)) == found


def test_blocks_are_as_large_as_asked_for(tmp_path):
    path = write(tmp_path, "abcdefghi\n\n" * 100)
    blocks = scan(path, SENTENCES, 50, LONGEST).blocks
    assert {block.documents for block in blocks} == {5}
    assert len(blocks) == 20


def test_paragraphs_are_joined_and_split_into_sentences(tmp_path):
    text = "A first sentence. It goes\non here. And\nends.\n\nNext paragraph.\n\n\nOther document. Yes.\n \n\n"
    path = write(tmp_path, text)
    expected = [
        ["A first sentence.", "It goes on here.", "And ends.", "Next paragraph."],
        ["Other document.", "Yes."],
    ]
    assert all_documents(path, TextFormat(PARAGRAPHS)) == expected


def test_json_objects_are_documents(tmp_path):
    lines = [
        json.dumps({"text": "One. Two.\nThree"}),
        "",
        json.dumps({"text": ["A sentence. Still it", "Another\nline", " "]}),
        json.dumps({"text": ""}),
    ]
    path = write(tmp_path, "\ufeff" + "\n".join(lines), "a.jsonl")
    expected = [["One.", "Two.", "Three"], ["A sentence. Still it", "Another line"], []]
    assert all_documents(path, TextFormat(JSONL)) == expected
    assert scan(path, TextFormat(JSONL), 1, LONGEST).documents == 3


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{'text': 1}", "a.jsonl:2: not JSON: Expecting property name"),
        ("[1]", "a.jsonl:2: expected a JSON object, found list"),
        ('{"body": "x"}', r"a.jsonl:2: no key 'text' \(found: body\); name the text's key by --text_field"),
        ('{"text": 5}', "a.jsonl:2: 'text' must be a text or a list of sentences; got int"),
        ('{"text": [5]}', "a.jsonl:2: 'text' must be a text or a list of sentences; got list"),
    ],
)
def test_wrong_json_lines_are_named(tmp_path, line, message):
    path = write(tmp_path, '{"text": "fine"}\n' + line + "\n", "a.jsonl")
    with pytest.raises(UserError, match=message):
        scan(path, TextFormat(JSONL), 1, LONGEST)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"fine\n\nb\xe9d\n", r"a.txt:3: byte 2 \(0xE9\) is not UTF-8"),
        (b"fine\nb\0d\n", "a.txt:2: NUL byte at byte 2"),
        ("fine\n".encode("utf-16"), "a.txt:1: the file is UTF-16; save it as UTF-8"),
        (bytes(range(128, 256)) * 100, "a.txt:1: byte 1 .* is not UTF-8"),
    ],
)
def test_what_is_no_text_is_refused_with_its_place(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        scan(write(tmp_path, text), SENTENCES, 1, LONGEST)


@pytest.mark.parametrize("tail", ["\n\nShort.\n", "\n", "\n\n\n"])
@pytest.mark.parametrize("count", range(80, 120))
def test_a_long_document_is_divided_and_counts_once(tmp_path, monkeypatch, count, tail):
    monkeypatch.setattr(documents, "_CHUNK", 100)
    lines = [f"This is line {i}." for i in range(count)]
    path = write(tmp_path, "Before.\n\n" + "\n".join(lines) + tail)
    scanned = scan(path, SENTENCES, 1 << 20, 500)
    short = ["Short."] if "Short" in tail else []
    assert scanned.documents == 2 + len(short)
    assert scanned.divided in (2, 3, 4)
    found = all_documents(path, block_bytes=1 << 20, longest=500)
    assert len(found) - scanned.divided == scanned.documents
    assert [line for document in found for line in document] == ["Before.", *lines, *short]


def test_running_text_is_divided_between_paragraphs(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "_CHUNK", 200)
    paragraphs = [f"A sentence {i} that goes\nover two lines. Another {i}." for i in range(40)]
    path = write(tmp_path, "\n\n".join(paragraphs))
    found = all_documents(path, TextFormat(PARAGRAPHS), 1 << 20, 500)
    assert len(found) > 3
    sentences = [sentence for document in found for sentence in document]
    assert sentences == [text for i in range(40) for text in (f"A sentence {i} that goes over two lines.", f"Another {i}.")]


def test_a_line_of_a_million_characters(tmp_path):
    path = write(tmp_path, "word " * 200_000 + "\n\nshort\n")
    assert [len(document[0]) for document in all_documents(path)] == [999_999, 5]


def test_empty_files_have_no_documents(tmp_path):
    assert scan(write(tmp_path, ""), SENTENCES, 1, LONGEST).documents == 0
    assert scan(write(tmp_path, BLANK_LINES), SENTENCES, 1, LONGEST).blocks == []


def test_a_file_that_changes_is_noticed(tmp_path):
    path = write(tmp_path, "One.\n\nTwo.\n")
    blocks = scan(path, SENTENCES, 1, LONGEST).blocks
    write(tmp_path, "One.\n")
    with pytest.raises(UserError, match="has changed while it was read"):
        read_block(blocks[-1], SENTENCES)
