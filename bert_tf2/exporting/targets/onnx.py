"""ONNX, for ONNX Runtime and whatever else reads it."""

import logging
import os
import shutil
import tempfile

from bert_tf2.exporting.target import FP16, INT8, Conversion, Target


class Onnx(Target):
    """ONNX by tf2onnx, quantized by ONNX Runtime."""

    file = "model.onnx"
    extra = "onnx"
    packages = {"tf2onnx": "tf2onnx", "onnx": "onnx", "onnxruntime": "onnxruntime"}  # noqa: RUF012 (nobody changes it)
    libraries = ("onnxruntime",)

    def write(self, conversion: Conversion, path: str) -> None:
        """See the base."""
        from bert_tf2.exporting.converting import converting, refuse_lacking, traced

        function = traced(conversion, None)
        with converting("onnx", function):
            import onnx

            from bert_tf2.exporting import onnx_conversion, onnx_quantization

            logging.getLogger("tf2onnx").setLevel(logging.ERROR)
            model = onnx_conversion.converted(function)
            lacking = [node.op_type for node in model.graph.node if not onnx.defs.has(node.op_type, node.domain)]
            refuse_lacking("onnx", lacking, function)
            model.producer_name, model.doc_string = "bert_tf2", ""
            if conversion.quantize == FP16:
                onnx_quantization.halve(model)
            if conversion.quantize != INT8:
                onnx.save(model, path)
                return
            folder = tempfile.mkdtemp(dir=os.path.dirname(path))
            try:
                whole = os.path.join(folder, "whole.onnx")
                onnx.save(model, whole)
                onnx_quantization.to_int8(whole, path, conversion.calibration)
            finally:
                shutil.rmtree(folder, ignore_errors=True)


TARGET = Onnx()
