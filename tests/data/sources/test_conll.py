"""Columns of CoNLL files: what divides cells and sentences."""

import pytest

from bert_tf2.data.sources.conll import read_conll
from bert_tf2.errors import UserError


def rows_of(tmp_path, content, name="data.conll"):
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return [[(number, *cells) for number, cells in rows] for rows in read_conll(str(path))]


def test_any_white_space_divides_cells_and_lines_of_blanks_sentences(tmp_path):
    content = "New\tB-LOC\nYork \t I-LOC  \n\t\nIt   O\n \t \n\n\nis O\n"
    assert rows_of(tmp_path, content) == [[(1, "New", "B-LOC"), (2, "York", "I-LOC")], [(4, "It", "O")], [(8, "is", "O")]]


def test_documents_begin_a_sentence_and_are_no_words(tmp_path):
    content = "-DOCSTART- -X- -X- O\n\nEU NNP I-NP I-ORG\n-DOCSTART- O\nrejects VBZ I-VP O"
    assert rows_of(tmp_path, content) == [[(3, "EU", "NNP", "I-NP", "I-ORG")], [(5, "rejects", "VBZ", "I-VP", "O")]]


def test_line_ends_and_byte_order_mark_are_no_part_of_cells(tmp_path):
    assert rows_of(tmp_path, b"\xef\xbb\xbfEU\tO\r\n\r\nsays\tO\r\n") == [[(1, "EU", "O")], [(3, "says", "O")]]


def test_a_word_may_be_white_space_that_divides_nothing(tmp_path):
    assert rows_of(tmp_path, "\u00a0 O\n\u3000\tO\n\u200d O\n") == [[(1, "\u00a0", "O"), (2, "\u3000", "O"), (3, "\u200d", "O")]]


def test_a_number_sign_is_a_word_but_in_conllu_a_comment(tmp_path):
    assert rows_of(tmp_path, "# O\n1 O\n") == [[(1, "#", "O"), (2, "1", "O")]]
    content = "# sent_id = 1\n1-2\tdel\t_\n1\tde\tADP\n2\tel\tDET\n2.1\t_\t_\n"
    assert rows_of(tmp_path, content, "data.conllu") == [[(3, "1", "de", "ADP"), (4, "2", "el", "DET")]]


def test_other_encodings_are_refused_with_their_line(tmp_path):
    with pytest.raises(UserError, match=r"data.conll:2: byte 4 \(0xE9\) is not UTF-8"):
        rows_of(tmp_path, "EU O\ncaf\xe9 O\n".encode("latin-1"))
