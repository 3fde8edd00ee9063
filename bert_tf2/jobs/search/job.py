"""The job of `python -m bert_tf2.search`."""

from collections.abc import Iterator
from typing import Any, TextIO

from bert_tf2 import cli, files
from bert_tf2.inference.search.text_index import TextIndex
from bert_tf2.inference.text_classifier import is_empty
from bert_tf2.jobs.commands.asking import Answers, Row, answer_file, answer_lines, loading
from bert_tf2.jobs.search.indexing import add_to_index, make_index
from bert_tf2.jobs.search.options import ADD, INDEX, SearchOptions, check
from bert_tf2.jobs.vectors.model_options import MODEL_FILES
from bert_tf2.options import required, tell_ignored
from bert_tf2.runtime import job


def command(description: str = "Finds texts by their meaning.") -> None:
    """Runs the job from the command line; `description` is what `--help` says first."""
    cli.main(search, SearchOptions, description)


@job
def search(options: SearchOptions, queries: TextIO | None = None) -> int:
    """Makes an index, adds to one, or asks one.

    Args:
      options: what to do.
      queries: where they are read from when the options name none; standard input when None.

    Returns:
      How many texts were indexed, or how many queries answered.

    Raises:
      UserError: an option, a file, a row or an index cannot be used; nothing was written.
      JobError: what was found could not be written; nothing is left of it.
    """
    check(options)
    tell_ignored(options)
    if options.mode == INDEX:
        return make_index(options)
    if options.mode == ADD:
        return add_to_index(options)
    if options.input_file is not None:
        return answer_file(options, ["text"], "queries", lambda: _answers(options), doing="searching", complaint=_complaint)
    index = _load(options)
    if options.text is not None:
        print(shown(index, options.text, options.top_k))
        return 1
    return answer_lines(lambda line: shown(index, line, options.top_k), queries, "query", "text")


def shown(index: TextIndex, query: str, top_k: int) -> str:
    """The hits of a query as lines for people."""
    return "\n".join(f"{hit.score:.4f}  {hit.id}  {hit.text}" for hit in index.search(query, top_k)) + "\n"


def _load(options: SearchOptions) -> TextIndex:
    folder, checkpoint = files.expand(required(options.index_dir)), options.init_checkpoint or options.model_dir
    given = {name: getattr(options, name) for name in MODEL_FILES} if checkpoint is not None else {}
    with loading(folder):
        return TextIndex.load(folder, checkpoint, options.whitening_file, **given)


def _answers(options: SearchOptions) -> Answers:
    index = _load(options)

    def answers(rows: Iterator[Row]) -> Iterator[dict[str, Any]]:
        for hits in index.found((row["text"] for row in rows), options.top_k, options.batch_size):
            yield {"hits": [{"id": hit.id, "score": round(hit.score, 6), "text": hit.text} for hit in hits]}

    return answers


def _complaint(row: Row) -> str:
    return "empty text" if is_empty(row["text"]) else ""
