"""The options of `python -m bert_tf2.export`, and what they must agree in before anything heavy is imported."""

import dataclasses
import os

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.exporting.target import INT8, NONE, QUANTIZATIONS, TARGETS, target_of
from bert_tf2.options import Options, at_least, not_negative, option, require_given, required

_CHECK = "Check"


@dataclasses.dataclass(frozen=True)
class ExportOptions(Options):
    """Which model, in which form, and what it is checked with."""

    model_dir: str | None = option(None, "The directory in which run_classifier.py or run_squad.py trained.")
    load_checkpoint: str = option("newest", "Which of its checkpoints.", choices=("newest", "best"))
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
    module_import: tuple[str, ...] = option(
        (), "Python file or module that registers a kind of task of your own; repeatable.", multiple=True
    )
    eval_data_path: str | None = option(
        None,
        "Labelled records to evaluate original and export on. Without them (and --predict_file) only the outputs of made-up "
        "token ids are compared.",
        section=_CHECK,
    )
    predict_file: str | None = option(None, "The same for SQuAD: a JSON file with answers.", section=_CHECK)
    input_meta_data_path: str | None = option(
        None, "meta_data.json of --eval_data_path [default: the one beside it, or the training's].", section=_CHECK
    )
    max_metric_drop: float = option(
        1.0,
        "An export whose metric is worse than the original's by more than so many points (hundredths; of SQuAD's scores, "
        "percent) is not kept.",
        check=not_negative,
        section=_CHECK,
    )
    eval_batch_size: int = option(32, "Records at a time; changes no result.", check=at_least(1), section=_CHECK)


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
    if options.eval_data_path is not None and options.predict_file is not None:
        raise UserError("--eval_data_path and --predict_file exclude each other; the latter is for SQuAD")
    if options.input_meta_data_path is not None and options.eval_data_path is None:
        raise UserError("--input_meta_data_path belongs to --eval_data_path; give both or neither")
    target.require_packages(name)
    _check_output(files.expand(required(options.output_dir)))


def _check_output(path: str) -> None:
    if files.is_remote(path):
        raise UserError(f"--output_dir={path}: exports are written to local directories; copy it there afterwards")
    if os.path.lexists(path) and not os.path.isdir(path):
        raise UserError(f"--output_dir: {path} is a file; name a new directory")
    if files.names_in(path):
        raise UserError(f"--output_dir: {path} is not empty; name a new directory or remove it")
    files.make_directory(os.path.dirname(os.path.abspath(path)))
