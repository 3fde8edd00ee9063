"""Memory that TensorFlow's steps take: of the GPU, or of the process where there is none."""

import resource


def forget_peak() -> None:
    """Begins the peak anew on a GPU; a process's cannot be."""
    import tensorflow as tf

    if tf.config.list_logical_devices("GPU"):
        tf.config.experimental.reset_memory_stats("GPU:0")


def peak_mb() -> float:
    """The most that was in use at once since then, in MB of 2^20 bytes."""
    import tensorflow as tf

    if tf.config.list_logical_devices("GPU"):
        return tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
