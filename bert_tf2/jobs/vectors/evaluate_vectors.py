"""The job of `python -m bert_tf2.evaluate_vectors`."""

import dataclasses
import os
from typing import Any

from bert_tf2 import cli, files
from bert_tf2.errors import UserError
from bert_tf2.inference.vectors.settings import POOLINGS
from bert_tf2.inference.vectors.text_encoder import TextEncoder
from bert_tf2.jobs.vectors.model_options import LAYERS_HELP, VectorModelOptions, check_model, load_encoder, settings_of
from bert_tf2.jobs.vectors.scored_pairs import ScoredPairs, read_scored_pairs
from bert_tf2.options import option, refuse_overwriting, required, tell_ignored
from bert_tf2.progress import Progress
from bert_tf2.runtime import job

_FILES = "Files"
_CONTENTS = "vector_scores"


@dataclasses.dataclass(frozen=True)
class EvaluateVectorsOptions(VectorModelOptions):
    """Which pairs, and what is measured."""

    input_file: str | None = option(
        None,
        "Pairs of texts with a score that people gave them: a TSV, CSV, JSON lines, JSON or Parquet file, such as STS-B's of "
        "GLUE and SICK's; or several of them, with commas between.",
        section=_FILES,
        comma_separated=True,
    )
    text_column: str | None = option(
        None, "Name or place (from 0) of the first text [default: sentence1, sentence_A, text, …].", section=_FILES
    )
    text_b_column: str | None = option(
        None, "Name or place of the second text [default: sentence2, sentence_B, text_b, …].", section=_FILES
    )
    score_column: str | None = option(
        None, "Name or place of the score, on any scale [default: score, relatedness_score, similarity, …].", section=_FILES
    )
    output_file: str = option("vector_scores.json", "Where the scores go; earlier ones are replaced.", section=_FILES)
    pooling: str | None = option(
        None,
        "How the vector of a text is made of its tokens'; see extract_features [default: as in the training of --model_dir if "
        "it was one of vectors; otherwise mean].",
        choices=POOLINGS,
        section="The vectors",
    )
    layers: str | None = option(None, f"{LAYERS_HELP} [default: -1].", section="The vectors", comma_separated=True)


def command(description: str = "Measures how well vectors tell how alike texts are.") -> None:
    """Runs the job from the command line; `description` is what `--help` says first."""
    cli.main(evaluate_vectors, EvaluateVectorsOptions, description)


@job
def evaluate_vectors(options: EvaluateVectorsOptions) -> dict[str, Any]:
    """Compares the similarity of vectors with what people say.

    Args:
      options: of what, and where to.

    Returns:
      By file its `pairs`, their number, and by kind of similarity `spearman` and `pearson`, from -1 to 1.

    Raises:
      UserError: an option, a file or a row cannot be used; nothing was written.
    """
    check_model(options, {"input_file": "pairs of texts with scores"})
    tell_ignored(options)
    settings = settings_of(options, options.pooling, options.layers)
    paths = files.matching_files(required(options.input_file), "input_file")
    target = files.expand(options.output_file)
    refuse_overwriting(dict.fromkeys(paths, "input_file"), [target])
    _check_target(target)
    columns = (options.text_column, options.text_b_column, options.score_column)
    # All of them are looked at before the model is loaded.
    read = {path: read_scored_pairs(path, *columns) for path in paths}
    encoder = load_encoder(options, settings, options.whitening_file)
    scores = {path: _scores(encoder, pairs, options.batch_size) for path, pairs in read.items()}
    for path, of_file in scores.items():
        print(f"{path}: {shown(of_file)}")
    vectors = encoder.identity | {"normalize": settings.normalize, "dimension": encoder.dimension}
    files.write_json(target, {_CONTENTS: scores, "vectors": vectors})
    print(f"wrote {target}")
    return scores


def shown(scores: dict[str, Any]) -> str:
    """The scores of a file as a line for people: times 100, as they are published."""
    kinds = (f"{kind} {100 * of['spearman']:.2f}" for kind, of in scores.items() if kind != "pairs")
    pearson = f"cosine {100 * scores['cosine']['pearson']:.2f}"
    return f"{scores['pairs']:,} pairs, Spearman x 100: {', '.join(kinds)}; Pearson x 100: {pearson}"


def _check_target(target: str) -> None:
    if os.path.isdir(target):
        raise UserError(f"--output_file={target} is a directory; name a file in it, such as vector_scores.json")
    if files.exists(target):
        there = files.read_json(target)
        if not isinstance(there, dict) or _CONTENTS not in there:
            raise UserError(f"--output_file={target} is there already, and holds no scores of vectors; name another file")


def _scores(encoder: TextEncoder, scored: ScoredPairs, batch_size: int) -> dict[str, Any]:
    import numpy as np

    from bert_tf2.inference.vectors.similarity import agreement

    # Many sentences stand in several pairs.
    places = {text: place for place, text in enumerate(dict.fromkeys(text for pair in scored.pairs for text in pair))}
    vectors = np.empty((len(places), encoder.dimension), np.float32)
    done = 0
    with Progress("encoding", len(places), "texts") as progress:
        for part in encoder.encoded(places, batch_size):
            vectors[done : done + len(part)] = part
            done += len(part)
            progress.advance(len(part))
    one, other = (vectors[[places[pair[side]] for pair in scored.pairs]] for side in (0, 1))
    return {"pairs": len(scored.pairs), **agreement(one, other, np.array(scored.scores))}
