"""TensorFlow's own format, with the interface that the other formats have."""

from bert_tf2.exporting.target import FP16, INT8, Conversion, Target

_CURE = "TensorFlow has no faster operations for such weights; use --to=onnx or --to=tflite, or --quantize=none"


class SavedModel(Target):
    """A SavedModel from token ids to outputs, in the layers' own forms."""

    file = "saved_model"
    refused = {FP16: _CURE, INT8: _CURE}  # noqa: RUF012 (nobody changes it)
    libraries = ("tensorflow",)

    def write(self, conversion: Conversion, path: str) -> None:
        """See the base."""
        from bert_tf2.exporting.converting import converting, saved, traced

        function = traced(conversion, None, own_forms=True)
        with converting("saved_model", function):
            saved(function, path)


TARGET = SavedModel()
