"""The options of `python -m bert_tf2.extract_features`, and what they must agree in."""

import dataclasses
import os

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.inference.vectors.settings import POOLINGS
from bert_tf2.jobs.vectors.form_names import JSON_LINES, NPZ, check_form, form_of
from bert_tf2.jobs.vectors.model_options import LAYERS_HELP, VectorModelOptions, check_model
from bert_tf2.options import ignored_option, option, refuse_given, refuse_overwriting, required

TOKENS = "none"
"""The pooling that leaves every token its vector."""

_FILES, _VECTORS, _ATTENTION = "Files", "The vectors", "Attention"
_OF_FILES = ("input_file", "text_column", "text_b_column", "output_file", "attentions")
_OF_ONE_VECTOR = (
    *("layer_combination", "special_tokens", "normalize", "whitening_file", "fit_whitening", "dimension", "long_text"),
    "quantize",
)


@dataclasses.dataclass(frozen=True)
class ExtractFeaturesOptions(VectorModelOptions):
    """Which texts, and what is made of them."""

    input_file: str | None = option(
        None,
        "The texts: a text on each line, of a pair with ' ||| ' between; or a TSV, CSV, JSON lines, JSON or Parquet file with a "
        "column of texts.",
        section=_FILES,
    )
    text_column: str | None = option(None, "Name or place (from 0) of the text [default: text, sentence, …].", section=_FILES)
    text_b_column: str | None = option(None, "Name or place of the second text, for vectors of pairs.", section=_FILES)
    output_file: str | None = option(
        None,
        "Where vectors go, in the order of the texts: .npz (array embeddings, float32 [N, D]), .npy, .parquet or .jsonl. It "
        "appears when it is complete; until then what is done lies beside it, and the same command goes on with it.",
        section=_FILES,
    )
    overwrite: bool = option(False, "Replace an --output_file that is there, or begin one anew.", section=_FILES)
    pooling: str | None = option(
        None,
        "How the vector of a text is made of its tokens': mean_max is both, one behind the other; first_last_avg the mean over "
        "the tokens of the mean of the first and the last layer; none leaves every token its own, in Google's lines "
        "[default: none where --output_file is .jsonl; else as in the training of --model_dir, where it was one of vectors; "
        "otherwise mean].",
        choices=(TOKENS, *POOLINGS),
        section=_VECTORS,
    )
    layers: str | None = option(
        None, f"{LAYERS_HELP} [default: -1; for vectors of tokens -1,-2,-3,-4].", section=_VECTORS, comma_separated=True
    )
    fit_whitening: str | None = option(
        None,
        "A file of texts, such as --input_file takes: --whitening_file is made of their vectors. Thousands of texts like those "
        "of --input_file are good.",
        section=_VECTORS,
    )
    attentions: bool = option(
        False,
        "Write, instead of vectors, the attention weights of each text into an .npz file: tokens_0, attentions_0 (float32 "
        "[layers, heads, L, L]), tokens_1, …; of all --layers unless some are named.",
        section=_ATTENTION,
    )
    attention_page: str | None = option(
        None, "Write a page that shows the attention of --text by layer and head: one HTML file.", section=_ATTENTION
    )
    text: str | None = option(None, "The text of --attention_page.", section=_ATTENTION)
    text_b: str | None = option(None, "The second text, where --text is the first of a pair.", section=_ATTENTION)
    use_tpu: bool = ignored_option(False, "the devices that are there are used")
    master: str | None = ignored_option(None, "there is no TensorFlow session")
    num_tpu_cores: int = ignored_option(8, "the devices that are there are used")

    @property
    def of_tokens(self) -> bool:
        """Whether every token gets a vector."""
        if self.attentions or self.attention_page is not None:
            return False
        if self.pooling is None:
            return form_of(self.output_file or "") in (None, JSON_LINES) and self.output_file is not None
        return self.pooling == TOKENS


def check(options: ExtractFeaturesOptions) -> None:
    """Checks what can be known before any file is read.

    Raises:
      UserError: flags are missing, or contradict each other.
    """
    if options.attention_page is None:
        refuse_given(options, ["text", "text_b"], "is for --attention_page; texts whose vectors are wanted stand in --input_file")
    check_model(options, _needed(options))
    if options.attention_page is not None:
        _check_page(options)
        return
    if options.attentions:
        refuse_given(options, ["pooling", *_OF_ONE_VECTOR], "makes vectors, and --attentions writes none; leave one of them out")
    if options.fit_whitening is not None:
        refuse_overwriting({options.fit_whitening: "fit_whitening"}, [required(options.whitening_file)])
    if options.fit_whitening is None or options.input_file or options.output_file:
        _check_output(options)
    if options.of_tokens:
        refuse_given(
            options,
            _OF_ONE_VECTOR,
            "is for one vector of each text; give --pooling=mean too (without it a .jsonl file holds a vector of every token)",
        )
    if options.dimension is not None and options.whitening_file is None:
        raise UserError("--dimension is how many directions a whitening keeps; give --whitening_file too")


def _needed(options: ExtractFeaturesOptions) -> dict[str, str]:
    if options.attention_page is not None:
        return {"text": "the text whose attention is shown"}
    found = {} if options.fit_whitening is None else {"whitening_file": "the file that --fit_whitening makes"}
    if options.fit_whitening is None or options.input_file or options.output_file:
        found |= {"input_file": "the texts", "output_file": "where their vectors go"}
    return found


def _check_page(options: ExtractFeaturesOptions) -> None:
    refuse_given(options, [*_OF_FILES, "pooling", *_OF_ONE_VECTOR], "does nothing beside --attention_page; leave it out")
    target = files.expand(required(options.attention_page))
    if os.path.isdir(target):
        raise UserError(f"--attention_page={target} is a directory; name a file in it, such as attention.html")
    if files.exists(target) and not options.overwrite:
        raise UserError(f"--attention_page={target} is there already; name another file, or give --overwrite")


def _check_output(options: ExtractFeaturesOptions) -> None:
    target = files.expand(required(options.output_file))
    inputs = {options.input_file: "input_file", options.fit_whitening: "fit_whitening", options.whitening_file: "whitening_file"}
    refuse_overwriting({files.expand(path): flag for path, flag in inputs.items() if path is not None}, [target])
    if os.path.isdir(target):
        raise UserError(f"--output_file={target} is a directory; name a file in it, such as vectors.npz")
    if options.attentions:
        if form_of(target) != NPZ:
            raise UserError(f"--attentions writes .npz; name an --output_file that ends with it; got {target}")
    elif not options.of_tokens:
        check_form(target)
    elif form_of(target) not in (None, JSON_LINES):
        raise UserError(f"--pooling=none makes Google's JSON lines; name an --output_file that ends with .jsonl; got {target}")
    if files.exists(target) and not options.overwrite:
        raise UserError(f"--output_file={target} is there already; name another file, or give --overwrite")
