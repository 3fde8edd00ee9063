"""How fast a device multiplies square matrices in bf16, with the library that is asked for."""

import json
import time
from collections.abc import Callable

import measure


def main() -> None:
    """Multiplies for about a second after a warm-up and prints the rate."""
    job = measure.job()
    multiply = {"tensorflow": _tensorflow, "torch": _torch}[job["library"]](job["size"], job["num_gpus"] > 0)
    times = 20
    for _ in range(3):
        multiply(times)
    begin, done = time.perf_counter(), 0
    while time.perf_counter() - begin < job["measure_s"]:
        multiply(times)
        done += times
    passed = time.perf_counter() - begin
    print("RESULT " + json.dumps({"tflops": 2 * job["size"] ** 3 * done / passed / 1e12, "products": done}), flush=True)


def _tensorflow(size: int, on_gpu: bool) -> Callable[[int], None]:
    import tensorflow as tf

    with tf.device("/gpu:0" if on_gpu else "/cpu:0"):
        one, other = (tf.cast(tf.random.normal([size, size]), tf.bfloat16) for _ in range(2))

        def multiply(times: int) -> None:
            for _ in range(times):
                product = tf.matmul(one, other)
            product[0, 0].numpy()

        return multiply


def _torch(size: int, on_gpu: bool) -> Callable[[int], None]:
    import torch

    one, other = (torch.randn(size, size, dtype=torch.bfloat16, device="cuda" if on_gpu else "cpu") for _ in range(2))

    def multiply(times: int) -> None:
        for _ in range(times):
            product = one @ other
        product[0, 0].item()

    return multiply


if __name__ == "__main__":
    main()
