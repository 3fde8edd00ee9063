"""`load_vocabulary`: ids are line numbers, and a vocabulary that cannot work is refused in one line."""

import pytest

from bert_tf2.errors import UserError
from bert_tf2.text.vocabulary import load_vocabulary


def write(tmp_path, content: bytes) -> str:
    path = tmp_path / "vocab.txt"
    path.write_bytes(content)
    return str(path)


def test_byte_order_mark_and_carriage_returns_simply_work(tmp_path):
    plain = load_vocabulary(write(tmp_path, b"[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n"))
    windows = load_vocabulary(write(tmp_path, b"\xef\xbb\xbf[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\na\r\n\r\n"))
    assert plain == windows == {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "a": 4}


def test_a_token_of_white_space_keeps_its_line_and_cannot_be_produced(tmp_path):
    vocabulary = load_vocabulary(write(tmp_path, "[UNK]\n\u2028\n[CLS]\n\n[SEP]".encode()))
    assert (vocabulary["[CLS]"], vocabulary["[SEP]"], len(vocabulary)) == (2, 4, 5)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "lacks [UNK], [CLS], [SEP] (0 tokens read)"),
        (b"[UNK]\n[SEP]\n", "lacks [CLS]"),
        (b"[UNK]\n[CLS]\n[SEP]\na\nb\na\n", "vocab.txt:6 duplicates line 4: 'a'"),
        (b"[UNK]\n\xff\n", "is not UTF-8 text (byte 6)"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path, content, message):
    with pytest.raises(UserError) as error:
        load_vocabulary(write(tmp_path, content))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        load_vocabulary(str(tmp_path / "none.txt"))
