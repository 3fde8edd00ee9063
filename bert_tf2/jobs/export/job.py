"""The job of `python -m bert_tf2.export`."""

import logging

from bert_tf2 import cli, files, folders
from bert_tf2.jobs.export.options import ExportOptions, check
from bert_tf2.options import required
from bert_tf2.runtime import ended_by_sigterm, job

logger = logging.getLogger(__name__)


def command(description: str = "Exports a trained model for other runtimes.") -> None:
    """Runs the job from the command line; `description` is what `--help` says first."""
    cli.main(export, ExportOptions, description)


@job
def export(options: ExportOptions) -> str:
    """Exports a trained model, checks it in its own runtime, and leaves it in a new directory if it is as good.

    Args:
      options: what is exported and how.

    Returns:
      The directory.

    Raises:
      UserError: an option, the run's directory or a record cannot be used, or the format lacks an operation.
      JobError: the export is worse than allowed, or could not be written; nothing is left of it.
    """
    check(options)
    path = files.expand(required(options.output_dir)).rstrip("/") or "/"
    from bert_tf2.jobs.trained.source import open_trained

    with ended_by_sigterm():
        source = open_trained(options)
        from bert_tf2.jobs.export.making import make
        from bert_tf2.tensorflow_internals import custom_gradients_forgotten

        with folders.written_whole(path) as temporary, custom_gradients_forgotten():
            said = make(options, source, temporary)
    logger.info("exported %s: %s", path, said)
    return path
