"""What commands share that answer one text, the lines of a stream, or a file of many."""

import contextlib
import functools
import io
import itertools
import json
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO, TypeAlias

from bert_tf2 import files
from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.data.sources.text_files import read_jsonl
from bert_tf2.errors import UserError
from bert_tf2.memory import keep_freed_memory
from bert_tf2.options import refuse_given
from bert_tf2.progress import Progress, silence, track

logger = logging.getLogger(__name__)

Row: TypeAlias = dict[str, Any]
Answers: TypeAlias = Callable[[Iterator[Row]], Iterator[Mapping[str, Any]]]

# What Python's `surrogateescape` makes of a byte that is no UTF-8.
_UNDECODED = re.compile("[\udc80-\udcff]")


def answer_lines(answer: Callable[[str], str], lines: TextIO | None, what: str, flag: str) -> int:
    """Prints the answer to each line until the stream ends; a terminal is asked for them.

    As in files nothing is left out in silence, so that answers stand beside their lines: a line that cannot be answered ends it.
    Only at a terminal an empty line is asked for again.

    Args:
      answer: makes what is printed for a line; a `UserError` of it gets the line's number.
      lines: the stream; standard input when None.
      what: what a line is, for messages.
      flag: the flag that gives one instead, for messages.

    Returns:
      How many lines were answered.

    Raises:
      UserError: the stream, which is no terminal, held none; or a line is blank, is not UTF-8 or cannot be answered; the
        message holds its number.
    """
    if lines is None:
        lines = sys.stdin
        if isinstance(lines, io.TextIOWrapper):
            lines.reconfigure(errors="surrogateescape")
    asks, count = lines.isatty(), 0
    if asks:
        print(f"Type a {what} and press Enter; Ctrl-D ends.", file=sys.stderr)
    for number in itertools.count(1):
        if asks:
            print("> ", end="", file=sys.stderr, flush=True)
        with silence():
            line = lines.readline()
        if not line:
            break
        if asks and not line.strip():
            continue
        try:
            _check_line(line, what)
            # A tab stands between the texts of a pair, of which one may be empty.
            print(answer(line.strip(" \r\n")), flush=True)
        except UserError as error:
            raise UserError(f"standard input:{number}: {error}") from None
        count += 1
    if asks:
        print(file=sys.stderr)
    elif not count:
        raise UserError(f"no {what}: give --{flag}, or {what}s on standard input, one a line")
    return count


def _check_line(line: str, what: str) -> None:
    if not line.strip():
        raise UserError(f"a blank line; give a {what} on each line")
    wrong = _UNDECODED.search(line)
    if wrong:
        column = len(line[: wrong.start()].encode("utf-8", "surrogateescape")) + 1
        raise UserError(f"byte {column} (0x{ord(wrong[0]) - 0xDC00:02X}) is not UTF-8 (latin-1 or GBK?); give the text as UTF-8")


def check_one_or_many(options: Any, one: Sequence[str], many: Sequence[str], brings: str) -> None:
    """Checks that a command is given one text or a file of them, not parts of both.

    Args:
      options: with `input_file` and `output_file`, of which the former needs the latter; `require_given` sees to that.
      one: the flags of one text.
      many: the flags of `--input_file`.
      brings: what that holds, for messages: "texts".

    Raises:
      UserError: a flag can do nothing beside the others, or the output would overwrite the input.
    """
    if options.input_file is None:
        refuse_given(options, many, "is for --input_file; give that too, or leave it out")
        return
    for name in one:
        if getattr(options, name) is not None:
            raise UserError(f"--input_file brings its own {brings}; leave out --{name}")
    if _same_file(options.input_file, options.output_file):
        raise UserError(f"--output_file={options.output_file} is --input_file; name another file")


def _same_file(one: str, other: str) -> bool:
    return os.path.realpath(files.expand(one)) == os.path.realpath(files.expand(other))


def answer_file(
    options: Any,
    keys: Sequence[str],
    unit: str,
    load: Callable[[], Answers],
    *,
    doing: str,
    complaint: Callable[[Row], str] = lambda row: "",
) -> int:
    """Answers the objects of `--input_file`, one on each line, in `--output_file`.

    Args:
      options: with these two and, where lines may be left out, `on_bad_row`.
      keys: the texts that each object has to hold.
      unit: what the file holds, in the plural.
      load: loads the model, once all of the file was looked at, and gives what answers: from the objects to what is written for
        each besides its `id`, in their order and a few at a time.
      doing: what is shown meanwhile: "answering".
      complaint: what else is wrong with an object; empty where nothing is.

    Returns:
      How many were answered.

    Raises:
      UserError: the file is empty or a line holds no such object, and lines are not to be left out; nothing was written.
      JobError: the disk is full or fails; nothing is left of the answers.
    """
    source, target = files.require_file(options.input_file, "input_file"), files.expand(options.output_file)
    on_bad_row = getattr(options, "on_bad_row", None)
    bad_rows = BadRows(on_bad_row == "skip", None if on_bad_row is None else target + files.REJECTS)
    read = functools.partial(_json_rows, source, keys, unit, complaint)
    try:
        count = sum(1 for _ in read(bad_rows.report))
        if not count:
            raise UserError(f"--input_file={source} holds no {unit} that can be used; {bad_rows.summary()}")
        answers = load()
        # What is wrong in it is known by now.
        rows, again = itertools.tee(read(lambda *_: None))
        objects = (
            ({"id": row["id"]} if "id" in row else {}) | dict(answer)
            for row, answer in track(zip(rows, answers(again)), doing, count, unit)
        )
        with told_when_written(target, count, unit):
            _write_json_lines(target, objects)
        bad_rows.publish()
    finally:
        bad_rows.discard()
    if bad_rows.count:
        logger.warning("%s", bad_rows.summary())
    return count


def _json_rows(
    path: str, keys: Sequence[str], what: str, complaint: Callable[[Row], str], report: Callable[[str, str, str], None]
) -> Iterator[Row]:
    empty = True
    for number, row, line in read_jsonl(path):
        empty = False
        reason = _why_no_object(keys, line) if row is None else _missing(row, keys) or complaint(row)
        if row is None or reason:
            report(f"{path}:{number}", reason, line)
        else:
            yield row
    if empty:
        raise UserError(f"--input_file={path} holds no {what}")


def _why_no_object(keys: Sequence[str], line: str) -> str:
    form = ", ".join(f'"{key}": …' for key in keys)
    found = f"'{line[:60]}'" if line.strip() else "a blank line"
    return f"expected a JSON object {{{form}}}; found {found}"


def _missing(row: Row, keys: Sequence[str]) -> str:
    for key in keys:
        if key not in row:
            return f"the key '{key}' is missing (found {', '.join(row) or 'an empty object'})"
        if not isinstance(row[key], str):
            return f"'{key}' must be a text; got {json.dumps(row[key])[:60]}"
    return ""


@contextlib.contextmanager
def told_when_written(target: str, count: int, unit: str) -> Iterator[None]:
    """Says at the end what was written, and how fast."""
    start = time.monotonic()
    yield
    seconds = time.monotonic() - start
    print(f"wrote {target}: {count:,} {unit} in {seconds:.1f} s ({count / max(seconds, 1e-9):.1f} a second)")


@contextlib.contextmanager
def loading(path: str) -> Iterator[None]:
    """Says at the end how long a model took to load."""
    start = time.monotonic()
    # Batches differ in length, so much memory is freed and asked for again.
    keep_freed_memory()
    with Progress("loading the model"):
        yield
    logger.info("loaded %s in %.1f s", path, time.monotonic() - start)


def _write_json_lines(target: str, rows: Iterable[Mapping[str, Any]]) -> None:
    with files.written_whole(target) as temporary, files.open_to_write(temporary) as file:
        for row in rows:
            # Half a surrogate pair in an id is written as it came: as JSON's escape.
            file.write((json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", errors="backslashreplace"))
