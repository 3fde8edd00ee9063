"""What a run of fine-tuning writes into its directory: each name as it stands where the file is written."""

from bert_tf2 import files
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.jobs.fine_tuning import model_card
from bert_tf2.jobs.fine_tuning.layers import lora
from bert_tf2.jobs.training import kept_configuration
from bert_tf2.model_directory.model_files import MODEL_FILES
from bert_tf2.tasks.base import ExampleSet, Task
from bert_tf2.training import checkpointing, run_directory, trainer
from bert_tf2.training.distillation import kept_outputs
from bert_tf2.training.reporting import history, report, result_files
from bert_tf2.training.tracking import tracked, wandb_tracker

OWN_DIRECTORIES = (report.SUMMARIES, kept_outputs.DIRECTORY, lora.DIRECTORY, wandb_tracker.DIRECTORY)


def own_files(task: Task) -> tuple[str, ...]:
    """Patterns of the names of all files that a run of a task writes, for data beside which they may lie."""
    examples = ExampleSet("", RecordSet.in_memory([], task.features, ""), suffix="*")
    return (
        *MODEL_FILES,
        f"*{files.INCOMPLETE}*",
        f"*{files.REJECTS}",
        *checkpointing.FILES,
        trainer.BEST_CHECKPOINT,
        run_directory.RUN_CONFIG,
        kept_configuration.RUN_YAML,
        run_directory.LOCK,
        history.FILE_NAME,
        tracked.FILE_NAME,
        result_files.RESULT_INPUTS,
        *report.eval_results_files("*"),
        report.REPORT,
        report.PAGE,
        model_card.CARD,
        report.LOSS_CURVE,
        *task.evaluation_files(examples),
        *task.prediction_files(examples),
        *task.pictures,
        *([] if task.tuning is None else [task.tuning.file]),
    )
