"""What every job that prepares data does around its inner loop."""

import contextlib
import gc
import os
from collections.abc import Iterable, Iterator, Sequence

from bert_tf2 import files
from bert_tf2.data.records import metadata
from bert_tf2.data.records.metadata import MetaData
from bert_tf2.data.records.record_frames import begins_as_records
from bert_tf2.data.records.record_writer import RecordWriter
from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.errors import UserError


def check_outputs(paths: Sequence[str]) -> None:
    """Refuses outputs that are no files or would overwrite each other.

    Raises:
      UserError: a path is a directory, or two paths name the same file.
    """
    seen = set()
    for path in paths:
        if not os.path.basename(path) or (not files.is_remote(path) and os.path.isdir(files.expand(path))):
            raise UserError(f"cannot write {path}: it is a directory; name a file")
        whole = path if files.is_remote(path) else os.path.realpath(files.expand(path))
        if whole in seen:
            raise UserError(f"two outputs have the same path: {path}")
        seen.add(whole)


def refuse_raw_data(data_dir: str | None, record_paths: Sequence[str], meta_data_path: str) -> None:
    """Refuses outputs that would overwrite raw data; what an earlier run made of them may be overwritten.

    Raises:
      UserError: a path under `data_dir` is a file that holds neither records nor metadata.
    """
    if not data_dir or files.is_remote(data_dir):
        return
    data_dir = os.path.realpath(files.expand(data_dir))
    for path in (*record_paths, meta_data_path):
        is_own = _holds_meta_data if path == meta_data_path else begins_as_records
        if not files.is_remote(path) and os.path.isfile(path) and _lies_in(path, data_dir) and not is_own(path):
            raise UserError(f"writing {path} would overwrite a file of the data in {data_dir}; choose another output path")


def _lies_in(path: str, directory: str) -> bool:
    return os.path.realpath(path).startswith(os.path.join(directory, ""))


def _holds_meta_data(path: str) -> bool:
    try:
        value = files.read_json(path)
    except UserError:
        return False
    return isinstance(value, dict) and "task_type" in value


def publish(writers: Iterable[RecordWriter], bad_rows: Iterable[BadRows], meta_data_path: str, meta_data: MetaData) -> None:
    """Gives finished files their names, the metadata last.

    Raises:
      UserError: a directory is not writable.
      JobError: the disk is full or fails.
    """
    files.make_directory(os.path.dirname(meta_data_path) or ".")
    # From here to the new metadata the records count as unfinished.
    files.remove_if_there(meta_data_path)
    for writer in writers:
        writer.publish()
    for rows in bad_rows:
        rows.publish()
    metadata.write_meta_data(meta_data_path, meta_data)


@contextlib.contextmanager
def known_objects_left_alone() -> Iterator[None]:
    """Keeps the garbage collector from walking what is there already, such as a classic processor's list of all examples,
    again and again while new rows come and go."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
