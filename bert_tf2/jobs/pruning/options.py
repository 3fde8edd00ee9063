"""The options of `python -m bert_tf2.prune`."""

import dataclasses

from bert_tf2.errors import UserError
from bert_tf2.jobs.trained.options import TrainedModelOptions, check_output, check_records
from bert_tf2.options import at_least, option, require_given, required

_WHAT = "What stays"


@dataclasses.dataclass(frozen=True)
class PruneOptions(TrainedModelOptions):
    """Which model, what of it stays, and by which records that is decided."""

    importance_data_path: str | None = option(
        None,
        "Labelled records by whose loss heads and neurons are judged: the training's, not those of the evaluation.",
        comma_separated=True,
    )
    output_dir: str | None = option(None, "A new folder: the smaller checkpoint, its configuration and vocabulary, and a report.")
    num_layers: int | None = option(
        None, "How many layers stay, the first ones [default: all].", check=at_least(1), section=_WHAT
    )
    layers: str | None = option(
        None, "Instead of it the numbers of those that stay, from 0: 0,2,4.", section=_WHAT, comma_separated=True
    )
    num_heads: int | None = option(
        None, "How many attention heads of each layer stay, the most important [default: all].", check=at_least(1), section=_WHAT
    )
    num_neurons: int | None = option(
        None,
        "How many inner neurons of each layer's feed-forward network stay, the most important [default: all].",
        check=at_least(1),
        section=_WHAT,
    )
    max_examples: int = option(
        1000, "How many records of --importance_data_path are looked at, evenly spread.", check=at_least(1), section=_WHAT
    )
    eval_batch_size: int = option(32, "Records at a time; changes no result.", check=at_least(1), section="Check")


def check(options: PruneOptions) -> None:
    """Checks what can be known before TensorFlow is imported.

    Raises:
      UserError: flags are missing or contradict each other, or the output cannot be written.
    """
    needed = {
        "model_dir": "the directory of a training",
        "output_dir": "where the smaller model goes",
        "num_heads or num_neurons or num_layers or layers": "what stays",
    }
    if options.num_heads is not None or options.num_neurons is not None:
        needed["importance_data_path"] = "records of the training, by which heads and neurons are judged"
    require_given(options, needed)
    if options.num_layers is not None and options.layers is not None:
        raise UserError("--num_layers and --layers exclude each other; leave one out")
    if options.importance_data_path is not None and options.num_heads is None and options.num_neurons is None:
        raise UserError(
            "--importance_data_path decides among heads and neurons; give --num_heads or --num_neurons, or leave it out"
        )
    check_records(options)
    check_output(required(options.output_dir))
