"""The job of `python -m bert_tf2.export`."""

import logging
import os
import shutil

from bert_tf2 import cli, files
from bert_tf2.errors import JobError
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

        temporary = files.incomplete_name(path)
        try:
            with custom_gradients_forgotten():
                os.mkdir(temporary)
                said = make(options, source, temporary)
            _publish(temporary, path)
        except OSError as error:
            raise JobError(f"cannot write {path}: {error.strerror or error}; name another --output_dir") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    logger.info("exported %s: %s", path, said)
    return path


def _publish(temporary: str, path: str) -> None:
    """Flushes a finished export to the disk and gives it its name."""
    for folder, _, names in os.walk(temporary):
        for name in names:
            files.sync(os.path.join(folder, name))
    if os.path.isdir(path):
        os.rmdir(path)
    os.rename(temporary, path)
