"""Rows of text files and the places named in complaints."""

import pytest

from bert_tf2.data.sources import text_files
from bert_tf2.data.sources.text_files import read_delimited, read_jsonl, read_lines, read_tsv
from bert_tf2.errors import UserError


@pytest.fixture
def write(tmp_path):
    def write(content: bytes | str) -> str:
        path = tmp_path / "train.tsv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


@pytest.mark.parametrize("ending", ["", "\n", "\n\n \n"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_byte_order_marks_do_not_matter(write, ending, newline, mark):
    path = write(mark + ("a\t1\nb\t2" + ending).replace("\n", newline))
    assert list(read_tsv(path)) == [(1, ["a", "1"]), (2, ["b", "2"])]


def test_lines_end_at_line_feeds_only(write):
    text = "a\u2028b\x85c\x0bd\x0ce\x1cf"
    assert list(read_tsv(write(text + "\tx\n"))) == [(1, [text, "x"])]


def test_a_blank_line_in_between_is_a_row_without_cells(write):
    assert list(read_tsv(write("a\n\n \nb\n\n"))) == [(1, ["a"]), (2, []), (3, []), (4, ["b"])]


def test_blocks_do_not_show(write, monkeypatch):
    monkeypatch.setattr(text_files, "_BLOCK", 5)
    lines = ["é" * n for n in range(1, 12)]
    assert list(read_lines(write("\ufeff" + "\n".join(lines)))) == list(enumerate(lines, 1))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"ok\t1\nab\0c\t1\n", ":2: NUL byte at byte 3"),
        (b"ok\nok\ncaf\xe9\t1\n", ":3: byte 4 (0xE9) is not UTF-8"),
        ("a\t1\n".encode("utf-16"), ":1: the file is UTF-16"),
        (b"a\t1\rb\t0\r", ": its lines end with a carriage return alone; save it with line feeds"),
    ],
)
def test_bytes_that_are_no_text(write, content, message):
    path = write(content)
    with pytest.raises(UserError) as caught:
        list(read_lines(path))
    assert str(caught.value).startswith(path + message)


def test_a_file_without_lines_is_refused_before_it_fills_the_memory(write, monkeypatch):
    monkeypatch.setattr(text_files, "_LONGEST_LINE", 1000)
    monkeypatch.setattr(text_files, "_BLOCK", 100)
    with pytest.raises(UserError, match="longer than 1,000 bytes"):
        list(read_lines(write("x" * 5000)))


def test_quotes_are_text_in_tsv_unless_asked_for(write):
    path = write('" a\t1\nb "c" d\t0\n')
    assert list(read_tsv(path)) == [(1, ['" a', "1"]), (2, ['b "c" d', "0"])]
    assert list(read_tsv(write('"a\tb\nc"\t1\nd\t0\n'), '"')) == [(1, ["a\tb\nc", "1"]), (3, ["d", "0"])]


def test_a_quote_that_never_closes(write):
    with pytest.raises(UserError, match=r"train\.tsv:2: the quote \" opens and never closes"):
        list(read_delimited(write('a,1\n"b,0\nc,1\n')))
    with pytest.raises(UserError, match=r"train\.tsv:1: the quote"):
        list(read_tsv(write('"b\t0\nc\t1\n'), '"'))
    with pytest.raises(UserError, match=r"train\.tsv:1: wrong quoting"):
        list(read_delimited(write('"a"b,1\n')))


def test_json_lines(write):
    assert list(read_jsonl(write('{"a": 1}\n[1]\n{"b"\n\n{}\n'))) == [
        (1, {"a": 1}, '{"a": 1}'),
        (2, None, "[1]"),
        (3, None, '{"b"'),
        (4, None, ""),
        (5, {}, "{}"),
    ]


def test_a_file_that_cannot_be_opened(tmp_path):
    with pytest.raises(UserError, match="cannot read"):
        list(read_lines(str(tmp_path / "none.tsv")))
