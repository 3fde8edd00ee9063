"""A model card: `README.md` beside the checkpoints, as Hugging Face's Hub reads it, with lines for people to fill in."""

import dataclasses
import hashlib
import logging
import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from bert_tf2 import files
from bert_tf2.data.records.metadata import MetaData
from bert_tf2.errors import UserError
from bert_tf2.jobs.training.kept_configuration import RUN_YAML
from bert_tf2.tasks.written_tables import escaped, markdown_table
from bert_tf2.text.vocabulary import read_bytes
from bert_tf2.training.reporting.report import REPORT
from bert_tf2.training.run_directory import RUN_CONFIG

logger = logging.getLogger(__name__)

CARD = "README.md"
_MARK = "<!-- Written by a run of bert_tf2, and anew by the next one unless it is changed. Digest: "
_MARKED = re.compile(rf"{re.escape(_MARK)}([0-9a-f]{{64}}) -->\n")
_MOST_LABELS = 50
_SETTINGS = {
    "train_batch_size": "batch size",
    "learning_rate": "learning rate",
    "learning_rate_schedule": "schedule",
    "warmup_proportion": "warm-up, share of the steps",
    "num_train_epochs": "epochs",
    "optimizer_type": "optimizer",
    "weight_decay_rate": "weight decay",
    "seed": "seed",
    "dtype": "computed in",
}
# As the Hub calls what scikit-learn and SciPy call otherwise.
_METRICS = {
    "matthews_corrcoef": "matthews_correlation",
    "pearson": "pearsonr",
    "spearman": "spearmanr",
    "mean_squared_error": "mse",
}


@dataclasses.dataclass(frozen=True)
class Card:
    """What a card is made of.

    Attributes:
      name: of the model.
      hub_task: what the Hub calls its task; see `bert_tf2.tasks.base.Task`.
      step: of the checkpoint that was evaluated.
      num_weights: how many it has.
      scores: metrics by set of examples.
      noted: what `run_config.json` holds.
      meta: of the data; None where nothing is known of them.
    """

    name: str
    hub_task: str
    step: int
    num_weights: int
    scores: Mapping[str, Mapping[str, float]]
    noted: Mapping[str, Any]
    meta: MetaData | None


def write_card(
    directory: str, hub_task: str, step: int, num_weights: int, scores: Mapping[str, Mapping[str, float]], meta: Any
) -> None:
    """Writes the card of the model in a directory; one that a person has written or changed is left as it is.

    Args:
      directory: the run's.
      hub_task, step, num_weights, scores, meta: see `Card`.
    """
    path = os.path.join(directory, CARD)
    if not _may_be_written(path):
        logger.info("%s: left as it is, for it was written or changed by hand; without it the next run writes one", path)
        return
    name = os.path.basename(os.path.abspath(directory))
    files.write_text(
        path, card_text(Card(name, hub_task, step, num_weights, scores, files.read_object(directory, RUN_CONFIG), meta))
    )


def _may_be_written(path: str) -> bool:
    """Whether there is none yet, or one that is as a run wrote it."""
    if not files.exists(path):
        return True
    try:
        text = read_bytes(path, "model_dir").decode()
    except (UserError, UnicodeDecodeError):
        return False
    found = list(_MARKED.finditer(text))
    return len(found) == 1 and found[0].end() == len(text) and found[0][1] == _digest(text[: found[0].start()])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def card_text(card: Card) -> str:
    """The card, with a mark at its end that tells whether it is changed."""
    sections = {"Data": _data(card), "Metrics": _metrics(card), "Settings": _settings(card)}
    lines = [_front_matter(card), f"# {escaped(card.name)}", ""]
    lines += [f"A model for {card.hub_task.replace('-', ' ')}, fine-tuned with bert_tf2."]
    for heading, section in sections.items():
        lines += ["", f"## {heading}", "", *section]
    lines += ["", "## Intended use", "", "- Meant for: (to be filled in)", "- Not meant for: (to be filled in)"]
    lines += ["", "## Limits", "", *_limits(card), "- Known errors and whom they harm: (to be filled in)"]
    text = "\n".join(lines) + "\n\n"
    return f"{text}{_MARK}{_digest(text)} -->\n"


def _front_matter(card: Card) -> str:
    """What the Hub reads (https://huggingface.co/docs/hub/model-cards)."""
    known: dict[str, Any] = {"library_name": "bert_tf2", "tags": ["bert", "tensorflow"]}
    if card.hub_task != "other":
        known["pipeline_tag"] = card.hub_task
    if results := list(filter(None, (_result(card, name) for name in card.scores))):
        known["model-index"] = [{"name": card.name, "results": results}]
    lines = [
        "---",
        "license: unknown  # to be filled in: what the data and the initial weights allow, as apache-2.0",
        "# language: to be filled in, as en",
        "# base_model: to be filled in, as google-bert/bert-base-uncased",
        yaml.safe_dump(known, sort_keys=False, allow_unicode=True).rstrip(),
        "---",
        "",
    ]
    return "\n".join(lines)


def _result(card: Card, name: str) -> dict[str, Any] | None:
    data = (card.meta.processor_type if card.meta is not None else "") or "unnamed"
    metrics = [
        {"type": _METRICS.get(metric, metric), "name": metric, "value": round(float(value), 6)}
        for metric, value in _of_all(card.scores[name]).items()
        if math.isfinite(value)
    ]
    dataset = {"name": data, "type": re.sub(r"[^a-z0-9._-]+", "-", data.lower()).strip("-.") or "unnamed", "split": name}
    return {"task": {"type": card.hub_task}, "dataset": dataset, "metrics": metrics} if metrics else None


def _of_all(scores: Mapping[str, float]) -> dict[str, float]:
    """Without those of single labels."""
    return {name: value for name, value in scores.items() if "/" not in name}


def _data(card: Card) -> list[str]:
    meta, rows = card.meta, []
    if meta is not None:
        rows = [("name", escaped(meta.processor_type))] if meta.processor_type else []
        rows += [(f"examples, {escaped(split)}", f"{size:,}") for split, size in meta.sizes.items() if size]
        if meta.label_list:
            more = len(meta.label_list) - _MOST_LABELS
            shown = [escaped(name) for name in meta.label_list[:_MOST_LABELS]] + ([f"and {more:,} more"] if more > 0 else [])
            rows.append(("labels", ", ".join(shown)))
    lines = [markdown_table(("", ""), rows), ""] if rows else []
    return [
        *lines,
        "- Where they come from, and their licence: (to be filled in)",
        "- Who labelled them, and how: (to be filled in)",
    ]


def _metrics(card: Card) -> list[str]:
    if not card.scores:
        return ["None: nothing was evaluated."]
    names = list(dict.fromkeys(metric for scores in card.scores.values() for metric in _of_all(scores)))
    rows = [
        (escaped(data), *(f"{scores[metric]:.4f}" if metric in scores else "" for metric in names))
        for data, scores in card.scores.items()
    ]
    said = f"Of the checkpoint of step {card.step}; [{REPORT}]({REPORT}) says more."
    return [said, "", markdown_table(("data", *map(escaped, names)), rows)]


def _settings(card: Card) -> list[str]:
    run, about = (card.noted.get(part) or {} for part in ("run", "about"))
    config = run.get("bert_config") or {}
    rows = [("weights", f"{card.num_weights:,}")]
    rows += [
        (name.replace("_", " "), escaped(str(config[name]))) for name in ("num_hidden_layers", "hidden_size") if name in config
    ]
    if "init_checkpoint" in run:
        rows.append(("initial weights", escaped(_shortened(run["init_checkpoint"]))))
    rows += [(called, escaped(str(run[name]))) for name, called in _SETTINGS.items() if run.get(name) is not None]
    rows += [(name, escaped(str(about[name]))) for name in ("bert_tf2", "tensorflow") if name in about]
    return [
        markdown_table(("", ""), rows),
        "",
        f"`{RUN_YAML}` has all flags: `--config={RUN_YAML} --model_dir=ANOTHER` trains once more.",
    ]


def _shortened(path: str | None) -> str:
    """The end of a path: what is before it says more of a machine than of a model."""
    return "none of a checkpoint" if path is None else "/".join(path.rstrip("/").split("/")[-2:])


def _limits(card: Card) -> Sequence[str]:
    meta = card.meta
    if meta is None:
        return []
    lines = [f"- It was trained on at most {meta.max_seq_length} tokens at once."]
    if cut := {split: share for split, share in meta.truncated_fraction.items() if share}:
        shares = ", ".join(f"{share:.1%} of {escaped(split)}" for split, share in cut.items())
        lines[0] = f"{lines[0][:-1]}; longer texts were cut ({shares})."
    if meta.do_lower_case:
        lines.append("- It knows no difference between upper and lower case.")
    return lines
