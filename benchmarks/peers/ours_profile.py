"""bert_tf2's training steps on one executor thread, first as they are, then under TensorFlow's profiler."""

import dataclasses
import json
import tempfile
import time

import measure
import ours  # first of those that import TensorFlow: it puts the project on the path
import tensorflow as tf
import watched
import xplane

from bert_tf2.training.train_step import LoopResult, TrainStep


class Profiled:
    """Waits for every step, and has the profiler on for the last ones.

    Args:
      warm_up: steps that count nowhere.
      steps: steps to measure without, and then with the profiler.
      directory: where the profiler writes.
    """

    def __init__(self, warm_up: int, steps: int, directory: str):
        self._first, self._end, self._directory = warm_up + steps, warm_up + 2 * steps, directory
        self.seconds: list[float] = []
        run = TrainStep.run

        def profiled_run(step: TrainStep, *arguments: object) -> LoopResult:
            if len(self.seconds) == self._first:
                tf.profiler.experimental.start(self._directory)
            begin = time.perf_counter()
            result = run(step, *arguments)
            float(result.loss_sum)
            self.seconds.append(time.perf_counter() - begin)
            if len(self.seconds) == self._end:
                tf.profiler.experimental.stop()
            return result

        TrainStep.run = profiled_run


def main() -> None:
    """Trains and prints where the time of a step went."""
    job = measure.job()
    # Operations one after the other: what one of them takes is then not the time that it shares with others.
    tf.config.threading.set_inter_op_parallelism_threads(1)
    warm_up, steps = job["warm_up"], job["measured"]
    lengths = watched.watch_lengths()
    with tempfile.TemporaryDirectory() as directory:
        profiled = Profiled(warm_up, steps, directory)
        ours.train(job)
        found = xplane.operations(directory)
    parts = {"plain": slice(warm_up, warm_up + steps), "profiled": slice(warm_up + steps, warm_up + 2 * steps)}
    result = {}
    for name, part in parts.items():
        result[f"{name}_ms"] = 1000 * sum(profiled.seconds[part]) / steps
        result[f"{name}_tokens"] = job["batch_size"] * sum(lengths[part]) / steps
    of_step = [dataclasses.replace(one, calls=one.calls / steps, ms=one.ms / steps) for one in found]
    result["products_ms"] = sum(one.ms for one in of_step if one.is_product)
    result["operations"] = [dataclasses.asdict(one) for one in of_step]
    print("RESULT " + json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
