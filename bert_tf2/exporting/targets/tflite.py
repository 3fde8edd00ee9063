"""TFLite (LiteRT), for phones and small machines."""

import tempfile

from bert_tf2.exporting.target import FP16, NONE, Conversion, Target


class TFLite(Target):
    """A flat buffer that takes one row of a fixed length: with shapes that vary LiteRT's fast kernels are not used."""

    file = "model.tflite"
    extra = "tflite"
    packages = {"ai_edge_litert": "ai-edge-litert"}  # noqa: RUF012 (nobody changes it)
    uncalibrated = (
        "with ranges found beforehand TFLite makes bytes of all activations, those of attention and normalization too, and the "
        "answers are at random; leave it out, or use --to=onnx"
    )
    fixed_length = True
    libraries = ("ai-edge-litert",)

    def write(self, conversion: Conversion, path: str) -> None:
        """See the base."""
        import tensorflow as tf

        from bert_tf2.exporting.converting import converting, saved, traced

        function = traced(conversion, 1)
        with converting("tflite", function), tempfile.TemporaryDirectory() as folder:
            saved(function, folder)
            converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["serving_default"])
            if conversion.quantize != NONE:
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if conversion.quantize == FP16:
                converter.target_spec.supported_types = [tf.float16]
            content = converter.convert()
        with open(path, "wb") as file:
            file.write(content)


TARGET = TFLite()
