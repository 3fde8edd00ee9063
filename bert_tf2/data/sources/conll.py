"""Columns as in the files of CoNLL's shared tasks: a row for each word, a blank line between two sentences."""

import os
from collections.abc import Iterator

from bert_tf2.data.sources.text_files import Row, read_lines

_WHITE_SPACE = " \t\r\f\v"
_NEW_DOCUMENT = "-DOCSTART-"


def read_conll(path: str) -> Iterator[list[Row]]:
    """Yields sentences: the line number and the cells of each row. Cells are divided by spaces and tabs, any number of them.

    Lines of nothing but white space end a sentence, and so do rows that begin with `-DOCSTART-`, which are left out. Of CoNLL-U,
    by the name `.conllu`, comments are left out and rows that stand for no word or for several (ids such as `1.1` and `1-2`).

    Raises:
      UserError: the file cannot be read or is not UTF-8.
    """
    is_conllu = os.path.splitext(path)[1].lower() == ".conllu"
    rows: list[Row] = []
    for number, line in read_lines(path):
        # Other white space, such as a no-break space, may be what a row calls a word.
        cells = line.strip(_WHITE_SPACE).replace("\t", " ").split(" ")
        cells = [cell for cell in cells if cell]
        if not line.strip() or not cells or cells[0].startswith(_NEW_DOCUMENT):
            if rows:
                yield rows
            rows = []
        elif not (is_conllu and not cells[0].isdecimal()):
            rows.append((number, cells))
    if rows:
        yield rows
