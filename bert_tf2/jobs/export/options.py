"""The options of `python -m bert_tf2.export`, and what they must agree in before anything heavy is imported."""

import dataclasses

from bert_tf2.errors import UserError
from bert_tf2.exporting.target import INT8, NONE, QUANTIZATIONS, TARGETS, target_of
from bert_tf2.jobs.trained.options import CHECK, TrainedModelOptions, check_output, check_records
from bert_tf2.options import at_least, not_negative, option, require_given, required


@dataclasses.dataclass(frozen=True)
class ExportOptions(TrainedModelOptions):
    """Which model, in which form, and what it is checked with."""

    to: str | None = option(None, "The format.", choices=TARGETS)
    output_dir: str | None = option(
        None, "A new directory: the model, its tokenizer, an example and export_report.md. It appears when the check is passed."
    )
    quantize: str = option(
        NONE,
        "fp16: weights of 16 bits, computed with in 32. int8: weights of 8 bits, and activations too, whose ranges are found as "
        "the model runs or, with --calibration_data_path, beforehand.",
        choices=QUANTIZATIONS,
    )
    calibration_data_path: str | None = option(
        None, "Records of the model's kind, its training's for example, to find the ranges of activations with (--to=onnx)."
    )
    calibration_size: int = option(128, "How many of them are used, evenly spread.", check=at_least(1))
    max_seq_length: int | None = option(
        None,
        "Every row has this length: shorter ones are padded, longer texts cut [default: tflite takes the training's; onnx and "
        "saved_model take rows of any length].",
        check=at_least(2),
    )
    max_metric_drop: float = option(
        1.0,
        "An export whose metric is worse than the original's by more than so many points (hundredths; of SQuAD's scores, "
        "percent) is not kept.",
        check=not_negative,
        section=CHECK,
    )
    eval_batch_size: int = option(32, "Records at a time; changes no result.", check=at_least(1), section=CHECK)


def check(options: ExportOptions) -> None:
    """Checks what can be known before TensorFlow is imported.

    Raises:
      UserError: flags are missing or contradict each other, the runtime is not installed, or the output cannot be written.
    """
    needed = {"model_dir": "the directory of a training", "to": "the format", "output_dir": "where the export goes"}
    require_given(options, needed)
    name = required(options.to)
    target = target_of(name)
    if options.quantize in target.refused:
        raise UserError(f"--quantize={options.quantize} cannot be used with --to={name}: {target.refused[options.quantize]}")
    if options.calibration_data_path is not None and options.quantize != INT8:
        raise UserError(
            f"--calibration_data_path is for --quantize=int8; --quantize={options.quantize} has no ranges to find; leave it out"
        )
    if options.calibration_data_path is not None and target.uncalibrated:
        raise UserError(f"--calibration_data_path cannot be used with --to={name}: {target.uncalibrated}")
    check_records(options)
    target.require_packages(name)
    check_output(required(options.output_dir))
