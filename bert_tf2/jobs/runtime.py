"""What must be set before TensorFlow's first operation: threads, determinism, logging; and how a job without steps ends."""

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator

from bert_tf2.errors import Interrupted
from bert_tf2.jobs.memory import keep_freed_memory
from bert_tf2.jobs.training_options import TrainingOptions
from bert_tf2.progress import lines_between_bars


def configure_logging() -> None:
    """Sends this project's messages to standard error, one plain line each; warnings are marked."""
    handler = _LineHandler(sys.stderr)
    handler.setFormatter(_LineFormatter())
    logger = logging.getLogger("bert_tf2")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


class _LineHandler(logging.StreamHandler):
    def emit(self, record: logging.LogRecord) -> None:
        with lines_between_bars():
            super().emit(record)


class _LineFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        prefix = "" if record.levelno < logging.WARNING else f"{record.levelname}: "
        return prefix + record.getMessage()


def configure_tensorflow(options: TrainingOptions) -> None:
    """Applies the thread, determinism and debugging options; to be called before the first TensorFlow operation."""
    if options.tf_gpu_thread_mode:
        os.environ["TF_GPU_THREAD_MODE"] = options.tf_gpu_thread_mode
    if options.per_gpu_thread_count:
        os.environ["TF_GPU_THREAD_COUNT"] = str(options.per_gpu_thread_count)

    keep_freed_memory()
    import tensorflow as tf

    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    if options.deterministic:
        tf.config.experimental.enable_op_determinism()
    if options.run_eagerly:
        tf.config.run_functions_eagerly(True)


class _Terminated(BaseException):
    """SIGTERM arrived; no `except Exception` on the way out holds it up."""


@contextlib.contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Makes SIGTERM end what is done here as Ctrl-C does, so that what is half written is removed on the way out.

    Outside the main thread, where Python delivers no signals, nothing is changed.

    Raises:
      Interrupted: SIGTERM arrived.
    """

    def stop(number: int, frame: object) -> None:
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except _Terminated:
        raise Interrupted("stopped by SIGTERM before anything was saved; run the command again", 128 + signal.SIGTERM) from None
    finally:
        signal.signal(signal.SIGTERM, former)
