"""The options of `python -m bert_tf2.search`, and what they must agree in."""

import dataclasses

from bert_tf2.errors import UserError
from bert_tf2.inference.vectors.settings import POOLINGS
from bert_tf2.jobs.commands.asking import check_one_or_many
from bert_tf2.jobs.vectors.model_options import LAYERS_HELP, MODEL_FILES, VectorModelOptions, check_model
from bert_tf2.options import at_least, option, refuse_given, require_given

INDEX, ADD, QUERY = "index", "add", "query"

_INDEXING, _ASKING, _VECTORS = "Indexing", "Asking", "The vectors"
_OF_MODEL = ("init_checkpoint", "model_dir", *MODEL_FILES)
_OF_VECTORS = ("pooling", "layers", "layer_combination", "special_tokens", "max_seq_length", "long_text", "dimension", "quantize")
_OF_INDEXING = ("text_column", "id_column", "overwrite")
_OF_ASKING = ("text", "output_file", "top_k")


@dataclasses.dataclass(frozen=True)
class SearchOptions(VectorModelOptions):
    """What is done, with which index."""

    mode: str | None = option(None, "Make an index of texts, add texts to one, or find its texts.", choices=(INDEX, ADD, QUERY))
    index_dir: str | None = option(None, "The directory of the index.")
    input_file: str | None = option(
        None,
        "To index: a text on each line, or a TSV, CSV, JSON lines, JSON or Parquet file with a column of texts. To ask: a file "
        'with a JSON object {"text": …} on each line, and "id" if you like.',
    )
    text_column: str | None = option(None, "Name or place (from 0) of the text [default: text, sentence, …].", section=_INDEXING)
    id_column: str | None = option(
        None, "Name or place of what a hit is called [default: its number in the index, from 0].", section=_INDEXING
    )
    index_kind: str = option(
        "exact",
        "exact compares a query with all vectors; approximate (HNSW) with few, which is faster from some ten thousand on and may "
        "miss one.",
        choices=("exact", "approximate"),
        section=_INDEXING,
    )
    overwrite: bool = option(False, "Replace an index that is there.", section=_INDEXING)
    text: str | None = option(None, "A query. Without it queries are read from standard input, one a line.", section=_ASKING)
    output_file: str | None = option(
        None,
        "Where the hits of --input_file go, in the same order: a JSON object on each line with the id, if there is one, and "
        "hits, a list of id, score and text. It appears when it is complete.",
        section=_ASKING,
    )
    top_k: int = option(10, "How many texts are found.", check=at_least(1), section=_ASKING)
    pooling: str | None = option(
        None,
        "How the vector of a text is made of its tokens'; see extract_features [default: as in the training of --model_dir if "
        "it was one of vectors; otherwise mean].",
        choices=POOLINGS,
        section=_VECTORS,
    )
    layers: str | None = option(None, f"{LAYERS_HELP} [default: -1].", section=_VECTORS, comma_separated=True)


def check(options: SearchOptions) -> None:
    """Checks what can be known before any file is read.

    Raises:
      UserError: flags are missing, or are of another mode.
    """
    needed = {"mode": "index, add or query", "index_dir": "the directory of the index"}
    needed |= {"init_checkpoint or model_dir": "the model that makes the vectors"} if options.mode == INDEX else {}
    needed |= {"input_file": "the texts"} if options.mode not in (None, QUERY) else {}
    require_given(options, needed)
    refuse_given(options, ["normalize"], "says what is done anyway: scores are cosines")
    if options.mode == INDEX:
        check_model(options)
    elif options.init_checkpoint is None and options.model_dir is None:
        refuse_given(options, MODEL_FILES, "belongs to --init_checkpoint; the index knows its own model")
    else:
        check_model(options)
    if options.mode != INDEX:
        refuse_given(
            options, [*_OF_VECTORS, "index_kind", "overwrite"], f"is for --mode=index; --mode={options.mode} does as the index"
        )
    elif options.dimension is not None and options.whitening_file is None:
        raise UserError("--dimension is how many directions a whitening keeps; give --whitening_file too")
    if options.mode == QUERY:
        refuse_given(options, _OF_INDEXING, "is for --mode=index and add")
        if options.input_file is not None:
            require_given(options, {"output_file": "where the hits go"})
        check_one_or_many(options, ["text"], ["output_file"], "queries")
        if options.text is not None and not options.text.strip():
            raise UserError("--text: empty text")
    else:
        refuse_given(options, _OF_ASKING, "is for --mode=query")
