"""TFLite (LiteRT), for phones and small machines."""

import tempfile
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from bert_tf2.exporting.converting import converting, saved, traced
from bert_tf2.exporting.target import FP16, INT8, Conversion, Target


class TFLite(Target):
    """A flat buffer that takes one row of a fixed length: with shapes that vary LiteRT's fast kernels are not used."""

    file = "model.tflite"
    extra = "tflite"
    packages = {"ai_edge_litert": "ai-edge-litert"}  # noqa: RUF012 (nobody changes it)
    fixed_length = True
    libraries = ("ai-edge-litert",)

    def write(self, conversion: Conversion, path: str) -> None:
        """See the base."""
        function = traced(conversion, 1)
        with converting("tflite", function), tempfile.TemporaryDirectory() as folder:
            saved(function, folder)
            converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["serving_default"])
            if conversion.quantize == FP16:
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
                converter.target_spec.supported_types = [tf.float16]
            elif conversion.quantize == INT8:
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
                if conversion.calibration is not None:
                    rows = conversion.calibration

                    def samples() -> Iterator[dict[str, Any]]:
                        for some in rows():
                            for row in range(len(next(iter(some.values())))):
                                yield {name: values[row : row + 1] for name, values in some.items()}

                    converter.representative_dataset = samples
            content = converter.convert()
        with open(path, "wb") as file:
            file.write(content)


TARGET = TFLite()
