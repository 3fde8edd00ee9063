"""The published settings of benchmarks, and what came of them."""

import dataclasses
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from bert_tf2.data.records.metadata import MetaData
from bert_tf2.errors import UserError
from bert_tf2.options import Options, option

_BERT = "BERT-Base, paper (arXiv 1810.04805)"
_HUGGING_FACE = "BERT-Base cased, Hugging Face's run_glue"
_TINY, _MINI, _SMALL, _MEDIUM = (
    f"BERT-{name}, google-research/bert's README" for name in ("Tiny 2 x 128", "Mini 4 x 256", "Small 4 x 512", "Medium 8 x 512")
)
_BASE_WEIGHTS = 110_000_000


@dataclasses.dataclass(frozen=True)
class Published:
    """A score that was published.

    Attributes:
      model: what was trained, and by whom.
      split: `dev` or `test`.
      scores: in percent, by metric.
    """

    model: str
    split: str
    scores: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Preset:
    """A benchmark.

    Attributes:
      task: what the data are called (`processor_type`); where they have no name of their own, the kind of task.
      settings: the published ones, by option; where a length is not among them, it is the command's default.
      published: scores, the smallest model first.
    """

    task: str
    settings: Mapping[str, Any]
    published: Sequence[Published]


def _glue(task: str, dev: Mapping[str, float], test: Mapping[str, float], small: Sequence[Any], epochs: float = 3.0) -> Preset:
    """A task of GLUE with Hugging Face's settings: its dev scores, and the test scores of the paper and of the small BERTs."""
    metric = next(iter(test), "")
    models = (_TINY, _MINI, _SMALL, _MEDIUM)
    published = [Published(model, "test", {metric: score}) for model, score in zip(models, small)]
    published += [Published(_BERT, "test", test)] if test else []
    published += [Published(_HUGGING_FACE, "dev", dev)]
    settings = {"learning_rate": 2e-5, "train_batch_size": 32, "num_train_epochs": epochs}
    return Preset(task, MappingProxyType(settings), tuple(published))


_SQUAD = MappingProxyType({"learning_rate": 3e-5, "train_batch_size": 12, "num_train_epochs": 2.0})
# Of CoNLL-2003 the paper gives a grid alone; this is a point of it.
_TAGGING = MappingProxyType({"learning_rate": 5e-5, "train_batch_size": 32, "num_train_epochs": 3.0})

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "glue/CoLA": _glue("CoLA", {"matthews_corrcoef": 56.53}, {"matthews_corrcoef": 52.1}, (0.0, 0.0, 27.8, 38.0)),
        "glue/SST-2": _glue("SST-2", {"accuracy": 92.32}, {"accuracy": 93.5}, (83.2, 85.9, 89.7, 89.6)),
        "glue/MRPC": _glue("MRPC", {"f1": 88.85, "accuracy": 84.07}, {"f1": 88.9}, (81.1, 81.1, 83.4, 86.6), epochs=5.0),
        "glue/STS-B": _glue("STS-B", {"pearson": 88.64, "spearman": 88.48}, {"spearman": 85.8}, (73.6, 73.3, 77.0, 78.4)),
        "glue/QQP": _glue("QQP", {"accuracy": 90.71, "f1": 87.49}, {"f1": 71.2}, (62.2, 66.4, 68.1, 69.6)),
        "glue/MNLI": _glue("MNLI", {"accuracy": 83.91}, {"accuracy": 84.6}, (70.2, 74.8, 77.6, 80.0)),
        "glue/QNLI": _glue("QNLI", {"accuracy": 90.66}, {"accuracy": 90.5}, (81.5, 84.1, 86.4, 87.7)),
        "glue/RTE": _glue("RTE", {"accuracy": 65.70}, {"accuracy": 66.4}, (57.2, 57.9, 61.8, 62.2)),
        "glue/WNLI": _glue("WNLI", {"accuracy": 56.34}, {}, (), epochs=5.0),
        "squad/v1.1": Preset(
            "squad",
            _SQUAD,
            (
                Published("BERT-Base, google-research/bert's README", "dev", {"f1": 88.41, "exact_match": 81.25}),
                Published(_BERT, "dev", {"f1": 88.5, "exact_match": 80.8}),
                Published("BERT-Large, paper (arXiv 1810.04805)", "dev", {"f1": 90.9, "exact_match": 84.1}),
            ),
        ),
        "conll/2003": Preset(
            "tagging",
            _TAGGING,
            (
                Published("3 x 384, TextBrewer", "test", {"f1": 78.6}),
                Published("BERT-Base cased, without the document around a sentence, delft #21", "test", {"f1": 91.2}),
                Published("BERT-Base cased, paper (arXiv 1810.04805)", "test", {"f1": 92.4}),
            ),
        ),
    }
)


def settings_of(name: str) -> Mapping[str, Any]:
    """The options that a preset stands for."""
    return PRESETS[name].settings


_OF_QUESTIONS = tuple(name for name, preset in PRESETS.items() if preset.task == "squad")
_OF_OTHERS = tuple(name for name in PRESETS if name not in _OF_QUESTIONS)


def preset_option(names: tuple[str, ...]) -> Any:
    """The option that names one of some presets."""
    return option(
        None,
        "The published settings of a benchmark (learning rate, batch, epochs) where no flag says otherwise; the report compares "
        "with published scores.",
        choices=names,
        may_change=True,
        stands_for=settings_of,
    )


@dataclasses.dataclass(frozen=True)
class PresetOptions(Options):
    """Published settings of what `run_classifier.py` does."""

    preset: str | None = preset_option(_OF_OTHERS)


@dataclasses.dataclass(frozen=True)
class QuestionPresetOptions(Options):
    """Published settings of what `run_squad.py` does."""

    preset: str | None = preset_option(_OF_QUESTIONS)


def check_preset(name: str | None, meta: MetaData | None) -> None:
    """Checks that a preset is of the data.

    Args:
      name: of the preset; None for none.
      meta: of the data; None where nothing is known of them.

    Raises:
      UserError: it is of others.
    """
    if name is None or meta is None:
        return
    from bert_tf2.tasks.kind import kind_of

    called = {meta.processor_type.lower(), kind_of(meta.task_type).name}
    if PRESETS[name].task.lower() not in called:
        ours = next((other for other, preset in PRESETS.items() if preset.task.lower() in called), None)
        cure = f"give --preset={ours}" if ours else "leave it out"
        raise UserError(f"--preset={name} is of the task {PRESETS[name].task}, and the data are {meta.processor_type}'s; {cure}")


def comparison(name: str, scores: Mapping[str, float], weights: int) -> str:
    """A table of published scores with one of a run, in Markdown.

    Args:
      name: of the preset.
      scores: the run's evaluation, as shares of 1 or (SQuAD's) in percent, by metric.
      weights: how many the run's model has.
    """
    published = PRESETS[name].published
    metrics = list(dict.fromkeys(metric for one in published for metric in one.scores if metric in scores))
    scale = 1.0 if name.startswith("squad/") else 100.0
    lines = [f"| model | on | {' | '.join(metrics)} |", "|---" * (len(metrics) + 2) + "|"]
    for one in published:
        values = " | ".join(f"{one.scores[metric]:g}" if metric in one.scores else "" for metric in metrics)
        lines.append(f"| {one.model} | {one.split} | {values} |")
    values = " | ".join(f"{scale * scores[metric]:.1f}" for metric in metrics)
    lines.append(f"| **this run**, {weights / 1e6:.1f} million weights | evaluation | {values} |")
    lines += ["", "In percent. Scores of dev and test data differ by a point or more; so do seeds on small data (`--num_seeds`)."]
    if weights < 0.8 * _BASE_WEIGHTS:
        lines.append(
            f"BERT-Base has 110 million weights, this model {weights / 1e6:.1f}: it is to be measured by the small ones, which "
            "were trained with the best of several learning rates (often above 1e-4) for 4 epochs."
        )
    return "\n".join(lines)
