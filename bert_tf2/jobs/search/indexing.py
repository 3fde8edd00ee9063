"""Making an index of texts, and adding to one."""

import dataclasses
import itertools
import os
from collections.abc import Iterator
from typing import Any

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.inference.search.index_files import (
    MANIFEST,
    Manifest,
    import_faiss,
    new_vectors,
    read_manifest,
    read_vectors,
    write,
)
from bert_tf2.inference.search.text_index import encoder_of
from bert_tf2.inference.vectors.text_encoder import TextEncoder
from bert_tf2.jobs.commands.asking import loading, told_when_written
from bert_tf2.jobs.commands.input_file import InputFile
from bert_tf2.jobs.search.options import SearchOptions
from bert_tf2.jobs.vectors.computing import compute, vectors_of
from bert_tf2.jobs.vectors.contents import Contents
from bert_tf2.jobs.vectors.journal import journal_of
from bert_tf2.jobs.vectors.model_options import MODEL_FILES, load_encoder, settings_of
from bert_tf2.options import required


def make_index(options: SearchOptions) -> int:
    """Makes an index; returns how many texts it holds.

    Raises:
      UserError, JobError: see `bert_tf2.jobs.search.job.search`.
    """
    folder = _folder(options)
    if files.exists(os.path.join(folder, MANIFEST)):
        if not options.overwrite:
            raise UserError(f"--index_dir={folder} holds an index; give --mode=add to add to it, or --overwrite")
        version = read_manifest(folder).version + 1
    else:
        own = ("texts-", "vectors-", "vectors.", "whitening-")
        strange = [name for name in files.names_in(folder) if not name.startswith(own)]
        if strange:
            raise UserError(f"--index_dir={folder} holds something else ({strange[0]}); name another directory")
        version = 1
    source, contents = _texts(options)
    settings = dataclasses.replace(settings_of(options, options.pooling, options.layers), normalize=True)
    encoder = load_encoder(options, settings, options.whitening_file)
    model = {"path": _absolute(required(options.init_checkpoint or options.model_dir))}
    model |= {name: _absolute(getattr(options, name)) for name in MODEL_FILES if getattr(options, name) is not None}
    whitening: dict[str, Any] | None = None
    if encoder.whitening is not None:
        whitening = {"file": f"whitening-{version}.npz", "fingerprint": encoder.whitening.fingerprint}
        whitening["dimension"] = options.dimension
    manifest = Manifest(
        options.index_kind,
        contents.count,
        encoder.dimension,
        version,
        encoder.identity,
        dataclasses.asdict(encoder.settings),
        model,
        whitening,
    )
    _write(options, encoder, manifest, new_vectors(options.index_kind, encoder.dimension), source, contents)
    return contents.count


def add_to_index(options: SearchOptions) -> int:
    """Adds texts to an index; returns how many.

    Raises:
      UserError, JobError: see `bert_tf2.jobs.search.job.search`.
    """
    folder = _folder(options)
    manifest = read_manifest(folder)
    source, contents = _texts(options)
    index = read_vectors(folder, manifest)
    checkpoint = options.init_checkpoint or options.model_dir
    model = dict(manifest.model)
    if checkpoint is not None:
        model = {"path": files.expand(checkpoint), **{name: getattr(options, name) for name in MODEL_FILES}}
    with loading(model["path"]):
        encoder = encoder_of(folder, manifest, model, options.whitening_file)
    _write(options, encoder, manifest.after(contents.count), index, source, contents)
    return contents.count


def _write(
    options: SearchOptions, encoder: TextEncoder, manifest: Manifest, index: Any, source: InputFile, contents: Contents
) -> None:
    import numpy as np

    folder = _folder(options)
    contents.tell_empty("their vector is that of an empty text")
    decides: dict[str, Any] = {
        "input_file": files.sha256_of_file(source.path),
        "text_column": options.text_column,
        "batch_size": options.batch_size,
    }
    decides |= {"max_seq_length": encoder.max_seq_length, "long_text": encoder.settings.long_text, **encoder.identity}
    # Only where there is one: what was begun before there were any goes on.
    decides |= {"whitening": manifest.whitening} if manifest.whitening else {}
    files.make_directory(folder)
    # Its directory is that of the index, which is locked with it.
    target = os.path.join(folder, "vectors")
    with (
        told_when_written(folder, contents.count, "texts"),
        journal_of(target, decides, options.overwrite, "index_dir") as journal,
    ):
        # Now nobody else writes there, but somebody may have.
        if files.exists(os.path.join(folder, MANIFEST)) and read_manifest(folder).version >= manifest.version:
            raise UserError(f"{folder} was changed meanwhile; give the command again")
        texts = ((row.text, row.text_b) for row in itertools.islice(source.rows(), journal.done, None))
        compute(vectors_of(encoder, texts, options.batch_size), encoder, contents.count, journal)
        vectors = np.memmap(journal.data, np.float32, "r", shape=(contents.count, encoder.dimension))
        write(folder, manifest, index, vectors, _rows(source, manifest.count - contents.count), encoder.whitening)


def _rows(source: InputFile, first: int) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(source.rows(), first):
        named = source.id_of(row)
        yield {"id": number if named is None else named, "text": row.text}


def _texts(options: SearchOptions) -> tuple[InputFile, Contents]:
    import_faiss()
    path = files.require_file(required(options.input_file), "input_file")
    source = InputFile(path, options.text_column, id_column=options.id_column, as_features=True)
    # All of it is looked at before the model is loaded.
    return source, Contents.of(source)


def _folder(options: SearchOptions) -> str:
    folder = files.expand(required(options.index_dir))
    if files.is_remote(folder):
        raise UserError(f"--index_dir={folder}: an index lies on a local disk")
    return folder


def _absolute(value: Any) -> Any:
    return os.path.abspath(files.expand(value)) if isinstance(value, str) and not files.is_remote(value) else value
