"""What a run makes of the options of regularisation."""

from bert_tf2.errors import UserError
from bert_tf2.jobs.fine_tuning.regularisation_options import FGM, RegularisationOptions
from bert_tf2.tasks.base import Task
from bert_tf2.training.regularisation.adversarial import Adversary


def adversary_of(options: RegularisationOptions) -> Adversary | None:
    """What moves word embeddings; None for nothing."""
    if options.adversarial is None:
        return None
    if options.adversarial == FGM:
        return Adversary(options.adversarial_epsilon)
    return Adversary(options.adversarial_epsilon, options.adversarial_steps, options.step_size)


def check_task(options: RegularisationOptions, task: Task, name: str) -> None:
    """Checks what the options say against a task.

    Args:
      options: what was asked.
      task: what is trained.
      name: of its kind.

    Raises:
      UserError: the kind cannot say how far two outputs are from each other.
    """
    if options.rdrop_alpha and type(task).soft_loss is Task.soft_loss:
        raise UserError(
            f"--rdrop_alpha={options.rdrop_alpha:g}: {name} does not say how far two outputs are from each other; leave it out, "
            f"or {task.why_no_soft_loss}"
        )
