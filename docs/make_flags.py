"""Writes docs/flags.md: what `--help` of every command says. Run it after a change of flags: python docs/make_flags.py"""

import pathlib

from bert_tf2 import cli
from bert_tf2.jobs.commands.answer_questions import AnswerQuestionsOptions
from bert_tf2.jobs.commands.augment import AugmentCommandOptions
from bert_tf2.jobs.commands.classify import ClassifyOptions
from bert_tf2.jobs.commands.convert_checkpoint import ConvertCheckpointOptions
from bert_tf2.jobs.commands.demo import DemoOptions
from bert_tf2.jobs.commands.entities import EntitiesOptions
from bert_tf2.jobs.commands.fill_mask import FillMaskOptions
from bert_tf2.jobs.commands.score_squad import ScoreSquadOptions
from bert_tf2.jobs.comparing.options import CompareOptions
from bert_tf2.jobs.datasets.options import DatasetsOptions
from bert_tf2.jobs.export.options import ExportOptions
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions
from bert_tf2.jobs.new_task.job import NewTaskOptions
from bert_tf2.jobs.preparation.options import FinetuningDataOptions
from bert_tf2.jobs.pretraining.data import PretrainingDataOptions
from bert_tf2.jobs.pretraining.options import PretrainingOptions
from bert_tf2.jobs.pruning.options import PruneOptions
from bert_tf2.jobs.search.options import SearchOptions
from bert_tf2.jobs.serve.options import ServeOptions
from bert_tf2.jobs.vectors.evaluate_vectors import EvaluateVectorsOptions
from bert_tf2.jobs.vectors.extract_options import ExtractFeaturesOptions
from bert_tf2.jobs.vocabulary.options import VocabularyOptions

COMMANDS = {
    "data_prep/create_finetuning_data.py": FinetuningDataOptions,
    "data_prep/create_pretraining_data.py": PretrainingDataOptions,
    "run_classifier.py": ClassifierOptions,
    "run_pretraining.py": PretrainingOptions,
    "run_squad.py": SquadOptions,
    "python -m bert_tf2.answer_questions": AnswerQuestionsOptions,
    "python -m bert_tf2.classify": ClassifyOptions,
    "python -m bert_tf2.convert_checkpoint": ConvertCheckpointOptions,
    "python -m bert_tf2.datasets": DatasetsOptions,
    "python -m bert_tf2.demo": DemoOptions,
    "python -m bert_tf2.doctor": ClassifierOptions,
    "python -m bert_tf2.entities": EntitiesOptions,
    "python -m bert_tf2.evaluate_vectors": EvaluateVectorsOptions,
    "python -m bert_tf2.export": ExportOptions,
    "python -m bert_tf2.new_task": NewTaskOptions,
    "python -m bert_tf2.prune": PruneOptions,
    "python -m bert_tf2.compare": CompareOptions,
    "python -m bert_tf2.extract_features": ExtractFeaturesOptions,
    "python -m bert_tf2.augment": AugmentCommandOptions,
    "python -m bert_tf2.fill_mask": FillMaskOptions,
    "python -m bert_tf2.score_squad": ScoreSquadOptions,
    "python -m bert_tf2.search": SearchOptions,
    "python -m bert_tf2.serve": ServeOptions,
    "python -m bert_tf2.vocabulary": VocabularyOptions,
}

# What is not told a second time.
TOLD_ABOVE = {
    "python -m bert_tf2.doctor": "The first word is a job, run_classifier, run_pretraining or run_squad, whose flags are above.",
}


def flags_page() -> str:
    """The page's text."""
    parts = ["# Flags\n\nMade by `python docs/make_flags.py` from the options themselves.\n"]
    for command, options_class in COMMANDS.items():
        flags = TOLD_ABOVE.get(command) or cli.help_text(command, "", options_class).strip()
        parts.append(f"## {command}\n\n```\n{flags}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    (pathlib.Path(__file__).parent / "flags.md").write_text(flags_page(), encoding="utf-8")
