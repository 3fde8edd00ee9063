"""The job of `python -m bert_tf2.prune`."""

import dataclasses
import logging
import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bert_tf2 import cli, files, folders
from bert_tf2.errors import UserError
from bert_tf2.jobs.pruning.options import PruneOptions, check
from bert_tf2.models.layer_numbers import chosen_layers
from bert_tf2.options import required
from bert_tf2.runtime import job

if TYPE_CHECKING:
    from bert_tf2.jobs.trained.source import TrainedModel
    from bert_tf2.models.checkpoints.source import Source
    from bert_tf2.models.config import BertConfig
    from bert_tf2.pruning.curve import Point
    from bert_tf2.pruning.importance import Importance

logger = logging.getLogger(__name__)

CHECKPOINT, CONFIG, IMPORTANCE = "bert_model.ckpt", "bert_config.json", "importance.npz"
_WITH_CLASSES = ("classifier", "tagger", "multiple_choice")


@dataclasses.dataclass(frozen=True)
class Pruned:
    """What was written.

    Attributes:
      path: the folder.
      weights: how many the model had and has.
      scores: of the model before and after; None without records to evaluate on.
    """

    path: str
    weights: tuple[int, int]
    scores: tuple[dict[str, float], dict[str, float]] | None


def command(description: str = "Makes a trained model smaller.") -> None:
    """Runs the job from the command line; `description` is what `--help` says first."""
    cli.main(prune, PruneOptions, description)


@job
def prune(options: PruneOptions) -> Pruned:
    """Writes a smaller model: without the layers, heads and neurons that matter least.

    Args:
      options: what stays of which model.

    Returns:
      What was written: a checkpoint in the layout of the model garden with the head of its task, to go on training with.

    Raises:
      UserError: an option, the run's directory or a record cannot be used.
      JobError: the checkpoint or a record cannot be read, or writing failed.
    """
    check(options)
    import numpy as np

    from bert_tf2.jobs.pruning.report import write_report
    from bert_tf2.jobs.trained.source import open_trained
    from bert_tf2.models.checkpoints.formats import open_source
    from bert_tf2.models.checkpoints.pruning import pruned
    from bert_tf2.models.families.base import family_of
    from bert_tf2.pruning.choice import most_important

    trained = open_trained(options)
    source = open_source(os.path.join(trained.directory, f"ckpt-{trained.step}")).of_family(family_of(trained.config))
    heads, neurons, layers = _sizes(options, trained.config)
    importance = _importance(options, trained)
    small_source, small = pruned(source, trained.config, most_important(importance, heads, neurons, layers))
    path = files.expand(required(options.output_dir)).rstrip("/")
    with folders.written_whole(path) as folder:
        _write(folder, small_source, small, source)
        scores = curves = None
        if trained.examples is not None:
            evaluate = _evaluation(options, trained)
            scores = evaluate(trained.model), evaluate(_loaded(trained, folder, small))
            curves = _curves(options, trained, importance, evaluate)
        weights = _count(source), _count(small_source)
        write_report(folder, trained, small, weights, scores, curves)
        if options.importance_data_path is not None:
            np.savez(os.path.join(folder, IMPORTANCE), heads=importance.heads, neurons=importance.neurons)
    if beside_encoder(trained.model) and not (trained.task.heads and all(small_source.head(kind) for kind in trained.task.heads)):
        logger.warning("the head of this kind of task has no form in checkpoints: further training begins with a new one")
    metric = trained.task.best_metric
    scored = "" if scores is None else f", {metric} {scores[0][metric]:.4f} -> {scores[1][metric]:.4f} before further training"
    logger.info("wrote %s: %s weights instead of %s%s", path, f"{weights[1]:,}", f"{weights[0]:,}", scored)
    checkpoint = os.path.join(path, CHECKPOINT)
    logger.info("train it further with --init_checkpoint=%s --bert_config_file=%s", checkpoint, os.path.join(path, CONFIG))
    return Pruned(path, weights, scores)


def _sizes(options: PruneOptions, config: "BertConfig") -> tuple[int, int, tuple[int, ...]]:
    """How many heads and neurons stay in each layer, and the numbers of the layers.

    Raises:
      UserError: there are not so many, or layers that share their weights are to go.
    """
    from bert_tf2.models.families.base import family_of

    counts = family_of(config).weights.counts
    own = getattr(config, counts)
    layers = None if options.layers is None else chosen_layers("layers", options.layers, "the model", own)
    heads, neurons = options.num_heads or config.num_attention_heads, options.num_neurons or config.intermediate_size
    number = options.num_layers or own
    for flag, wanted, there in (
        ("num_heads", heads, config.num_attention_heads),
        ("num_neurons", neurons, config.intermediate_size),
        ("num_layers", number, own),
    ):
        if wanted > there:
            raise UserError(f"--{flag}={wanted} is more than the model's {there}; give less")
    if counts != "num_hidden_layers" and (layers or options.num_layers):
        raise UserError(
            f"--{'layers' if layers else 'num_layers'}: the layers of this {config.form.title} share their weights, so that none "
            "makes it smaller by going; prune heads and neurons with --num_heads and --num_neurons"
        )
    chosen = layers or tuple(range(number))
    if (heads, neurons, len(chosen)) == (config.num_attention_heads, config.intermediate_size, own):
        raise UserError(f"all {own} layers, {heads} heads and {neurons} neurons of the model stay; give a smaller number")
    return heads, neurons, chosen


def _importance(options: PruneOptions, trained: "TrainedModel") -> "Importance":
    """What matters; where nothing is asked for that depends on it, all alike."""
    import numpy as np

    from bert_tf2.models.families.base import family_of
    from bert_tf2.pruning.importance import Importance, importance_of

    config = trained.config
    own = getattr(config, family_of(config).weights.counts)
    if options.importance_data_path is None:
        return Importance(np.ones((own, config.num_attention_heads)), np.ones((own, config.intermediate_size)), 0)
    records = trained.records(options.importance_data_path, "importance_data_path")
    records.check_longest(config.longest_input)
    trained.task.check_records(records)
    return importance_of(trained.task, trained.model, config, records, options.max_examples)


def _write(folder: str, small_source: "Source", small: "BertConfig", source: "Source") -> None:
    """Writes the smaller checkpoint and what goes with it."""
    from bert_tf2.jobs.commands.conversion_source import find_source
    from bert_tf2.models.checkpoints.convert import convert

    found = find_source(source.path, bert_config_file=None, vocab_file=None, do_lower_case=None)
    known = dataclasses.replace(found, config=small)
    written = convert(small_source, small, os.path.join(folder, CHECKPOINT), "tf2", kind=known.kind)
    classes = small_source.shapes["output_bias"][0] if written.kind in _WITH_CLASSES else None
    contents = known.files_beside(classes) | {CONFIG: files.json_text(small.to_dict()).encode()}
    for name, content in contents.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)


def _evaluation(options: PruneOptions, trained: "TrainedModel") -> Callable[[Any], dict[str, float]]:
    """What gives the scores of a model."""
    import tensorflow as tf

    from bert_tf2.training.evaluation import predict_all

    examples = trained.examples
    assert examples is not None

    def scores(model: Any) -> dict[str, float]:
        strategy = tf.distribute.get_strategy()
        collected = predict_all(trained.task, model, strategy, examples.records, options.eval_batch_size, what="evaluating")
        return trained.task.scores(trained.task.outcome(collected, examples), examples)

    return scores


def _loaded(trained: "TrainedModel", folder: str, small: "BertConfig") -> Any:
    """The smaller model as it was written, with its head."""
    from bert_tf2.models.checkpoints.formats import open_source
    from bert_tf2.models.checkpoints.loading import load_encoder_weights
    from bert_tf2.models.families.base import family_of

    encoder = family_of(small).build(small, output_range=trained.task.output_range)
    model = trained.task.build_model(encoder)
    for variable, former in zip(beside_encoder(model), beside_encoder(trained.model), strict=True):
        variable.assign(former)
    load_encoder_weights(encoder, open_source(os.path.join(folder, CHECKPOINT)), small)
    return model


def beside_encoder(model: Any) -> list[Any]:
    """The variables of a model that are not its encoder's."""
    encoder = next(layer for layer in model.layers if layer.weights)
    within = {id(variable) for variable in encoder.weights}
    return [variable for variable in model.weights if id(variable) not in within]


def _curves(
    options: PruneOptions, trained: "TrainedModel", importance: "Importance", evaluate: Callable[[Any], dict[str, float]]
) -> "tuple[list[Point], list[Point]] | None":
    """How the metric falls with fewer heads and neurons; None where their importance was not asked for."""
    if options.importance_data_path is None:
        return None
    from bert_tf2.pruning.curve import curve
    from bert_tf2.pruning.importance import OutputRows

    rows = OutputRows.of(trained.encoder, trained.config)
    return curve(rows, importance, lambda: evaluate(trained.model)[trained.task.best_metric])


def _count(source: "Source") -> int:
    return sum(math.prod(shape) for shape in source.shapes.values())
