"""What must be set before TensorFlow's first operation: threads, determinism, logging."""

import logging
import os
import sys

from bert_tf2.jobs.memory import keep_freed_memory
from bert_tf2.jobs.training_options import TrainingOptions


def configure_logging() -> None:
    """Sends this project's messages to standard error, one plain line each; warnings are marked."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LineFormatter())
    logger = logging.getLogger("bert_tf2")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


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
