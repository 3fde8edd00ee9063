"""The options of `run_classifier.py`: the model garden's dialect, google-research/bert's, and what both lack."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from bert_tf2.errors import UserError
from bert_tf2.jobs import shared_options
from bert_tf2.jobs.fine_tuning.layers.options import LayerOptions
from bert_tf2.jobs.fine_tuning.phases import Phases
from bert_tf2.jobs.fine_tuning.prediction.options import PredictionOptions
from bert_tf2.jobs.fine_tuning.presets import PresetOptions
from bert_tf2.jobs.fine_tuning.regularisation_options import RegularisationOptions
from bert_tf2.jobs.fine_tuning.sweeps.options import FoldOptions, SweepOptions
from bert_tf2.jobs.fine_tuning.teaching.replacing_options import ReplacingOptions
from bert_tf2.jobs.fine_tuning.teaching.unlabelled_options import UnlabelledOptions
from bert_tf2.jobs.fine_tuning.xlnet_flags import XLNetFlags, settle_directories
from bert_tf2.jobs.training.distillation_options import DistillationOptions
from bert_tf2.jobs.training.training_options import NEEDED, OPTIMIZATION, VOCABULARY, TrainingOptions
from bert_tf2.options import (
    at_least,
    given_of_training,
    ignored_option,
    info,
    option,
    refuse_given,
    refused_option,
    require_given,
    required,
)
from bert_tf2.tasks.kind_options import KindOptions

DATA = "Data, from create_finetuning_data.py (model-garden dialect)"
TF1 = "Data, from raw files (google-research/bert dialect)"

# The tasks that come in several languages, by the flag that names one.
LANGUAGE_FLAGS = {"xnli_language": "xnli", "pawsx_language": "paws-x"}
MODES = ("train_and_eval", "train", "eval", "predict", "export_only")


@dataclasses.dataclass(frozen=True)
class ClassifierOptions(
    KindOptions, XLNetFlags, LayerOptions, RegularisationOptions, PresetOptions, FoldOptions, SweepOptions, PredictionOptions,
    DistillationOptions, ReplacingOptions, UnlabelledOptions, TrainingOptions,
):  # fmt: skip
    """What to train, evaluate, predict or export, on which data, to which directory; every kind of task adds its own
    (`Kind.run_options`)."""

    part: ClassVar[str] = "run_options"
    command: ClassVar[str] = "run_classifier.py"

    mode: str | None = option(None, "What to do [default: train_and_eval].", choices=MODES, section=DATA)
    input_meta_data_path: str | None = option(None, "meta_data.json of the records.", section=DATA)
    train_data_path: str | None = option(
        None, "Training records; comma-separated names and wildcards.", section=DATA, comma_separated=True
    )
    eval_data_path: str | None = option(None, "Evaluation records.", section=DATA, comma_separated=True)
    test_data_path: str | None = option(
        None, "Records to predict [default: --eval_data_path].", section=DATA, comma_separated=True
    )
    train_data_size: int | None = option(
        None, "Train on this many examples only, the first ones.", check=at_least(1), section=DATA
    )
    eval_batch_size: int = option(32, "Examples per evaluation step; changes no result.", check=at_least(1), section=DATA)
    predict_batch_size: int | None = option(
        None, "Examples per prediction step [default: --eval_batch_size]; changes no result.", check=at_least(1), section=DATA
    )

    task_name: str | None = option(None, "A GLUE task or a registered processor, for example MRPC.", section=TF1)
    data_dir: str | None = option(None, "Directory of the task's files.", section=TF1)
    xnli_language: str | None = option(
        None, "XNLI: the language of all data; all trains and evaluates on every one [default: zh].", section=TF1
    )
    pawsx_language: str | None = option(None, "PAWS-X: as --xnli_language [default: en].", section=TF1)
    vocab_file: str | None = option(
        None,
        "Vocabulary: WordPiece's vocab.txt, RoBERTa's vocab.json with merges.txt beside it, the tokenizer.json of either, or a "
        "folder with one of them; with records, for the raw-text export.",
        section=TF1,
    )
    sp_model_file: str | None = option(
        None, "SentencePiece model, instead of --vocab_file.", section=TF1, other_names=("spm_model_file", "spiece_model_file")
    )
    do_lower_case: bool | None = shared_options.do_lower_case(TF1)
    strip_accents: bool | None = shared_options.strip_accents(TF1)
    keep_tokens: str | None = shared_options.keep_tokens(TF1)
    max_seq_length: int | None = option(
        None,
        "Longest example in tokens; longer ones are truncated [default: 128, or what the records say].",
        check=at_least(3),
        section=TF1,
    )
    do_train: bool = option(False, "Train.", section=TF1)
    do_eval: bool = option(False, "Evaluate on the development set.", section=TF1)
    do_predict: bool = option(False, "Predict the test set.", section=TF1)
    module_import: tuple[str, ...] = option(
        (),
        "A file (path/to/file.py) or module that registers kinds of task or processors; may be repeated.",
        multiple=True,
        section=TF1,
    )
    on_bad_row: str = option(
        "fail",
        "What to do with a row that cannot be used: end, or leave it out, count it and list it beside the records.",
        choices=("fail", "skip"),
        section=TF1,
    )
    num_train_steps: int | None = shared_options.num_train_steps(OPTIMIZATION)
    steps_rounding: str = shared_options.steps_rounding(OPTIMIZATION)
    cached_dir: str | None = ignored_option(None, "records are kept beside the model, and made anew when their data have changed")
    threshold_to_export: float | None = refused_option(
        None, "exported classifiers give the probability of every class, and the caller chooses"
    )

    @property
    def is_tf1_dialect(self) -> bool:
        """Whether the command is google-research/bert's: raw files in, `--do_*` switches."""
        return bool(self.task_name or self.data_dir or self.output_dir or self.do_train or self.do_eval or self.do_predict)

    @property
    def trains(self) -> bool:
        """Whether there is training."""
        return self.do_train if self.is_tf1_dialect else self.mode in (None, "train", "train_and_eval")

    @property
    def watches(self) -> bool:
        """Whether flags were given that need evaluations while training."""
        return self.best_metric is not None or self.early_stopping_patience > 0 or self.num_eval_per_epoch > 1


def phases_of(options: ClassifierOptions) -> Phases:
    """What to do, in terms of both dialects."""
    if options.num_folds is not None and options.trains:
        return Phases(train=True, evaluate=True, evaluate_while_training=options.watches)
    if options.is_tf1_dialect:
        return Phases(options.do_train, options.do_eval, options.do_train and options.watches, options.do_predict)
    mode = options.mode or "train_and_eval"
    if mode == "train" and options.watches and not options.eval_data_path:
        raise UserError(
            "--best_metric, --early_stopping_patience and --num_eval_per_epoch need evaluation data: give --eval_data_path"
        )
    return Phases(
        train=mode in ("train", "train_and_eval"),
        evaluate=mode in ("eval", "train_and_eval"),
        evaluate_while_training=mode == "train_and_eval" or (mode == "train" and options.watches),
        predict=mode == "predict",
    )


def without_training(given: Mapping[str, Any]) -> dict[str, Any]:
    """What of a training's options is not refused when its model is evaluated, predicts or is exported."""
    fields = dataclasses.fields(ClassifierOptions.whole())
    of_training = {field.name for field in dataclasses.fields(DistillationOptions)}
    of_training |= {field.name for field in fields if info(field).of_training}
    return {name: value for name, value in given.items() if name not in of_training}


def check_combination(options: ClassifierOptions) -> None:
    """Checks what single flags cannot: that the flags of one dialect are complete and not mixed with the other's.

    Raises:
      UserError: a flag is missing or contradicts another.
    """
    settle_directories(options)
    if options.num_train_steps is not None:
        refuse_given(options, ("num_train_epochs", "steps_rounding"), "does nothing beside --num_train_steps; leave one out")
    if options.vocab_file and options.sp_model_file:
        raise UserError("--vocab_file and --sp_model_file are two kinds of vocabulary; give the one of the model")
    if options.predict_checkpoint_path and options.trains:
        raise UserError("--predict_checkpoint_path is for evaluation, prediction and export; with training use --init_checkpoint")
    if not options.trains and (name := given_of_training(options)) is not None:
        raise UserError(f"--{name} is for training; leave it out to evaluate, predict or export")
    _check_folds(options)
    if options.is_tf1_dialect:
        _check_tf1(options)
    else:
        _check_garden(options)


def _check_folds(options: ClassifierOptions) -> None:
    if options.num_folds is None:
        if options.fold is not None:
            raise UserError(f"--fold={options.fold} needs --num_folds, the number of parts")
        return
    asked = f"--num_folds={options.num_folds}"
    if options.fold is not None and options.fold > options.num_folds:
        raise UserError(f"--fold={options.fold} must be from 1 to --num_folds={options.num_folds}")
    only = "--do_train alone" if options.is_tf1_dialect else "--mode=train"
    is_only = (
        options.do_train and not (options.do_eval or options.do_predict) if options.is_tf1_dialect else options.mode == "train"
    )
    if not is_only:
        raise UserError(f"{asked} evaluates parts of the training examples and nothing else: use {only}")
    if options.eval_data_path:
        raise UserError(f"{asked} evaluates parts of the training examples; leave --eval_data_path out")


def _check_tf1(options: ClassifierOptions) -> None:
    for flag in ("mode", "input_meta_data_path", "train_data_path", "eval_data_path", "test_data_path"):
        if getattr(options, flag) is not None:
            raise UserError(
                f"--{flag} belongs to the model-garden dialect and --task_name/--data_dir/--output_dir/--do_* to the other; "
                "use --mode with records, or --do_train/--do_eval/--do_predict with raw files"
            )
    needed = {
        "do_train or do_eval or do_predict": "what to do",
        "task_name": "which task's files",
        "data_dir": "where the task's files are",
        "vocab_file or sp_model_file": VOCABULARY,
    }
    require_given(options, NEEDED | needed)
    for flag, task in LANGUAGE_FLAGS.items():
        language = getattr(options, flag)
        if language and required(options.task_name).lower() != task:
            raise UserError(f"--{flag}={language} can do nothing with --task_name={options.task_name}; leave it out")
        if language == "all" and options.do_predict:
            raise UserError(
                f"--{flag}=all does not go with --do_predict, which takes one language; make records of each with "
                "create_finetuning_data.py and predict them with --mode=predict"
            )


def _check_garden(options: ClassifierOptions) -> None:
    mode = options.mode or "train_and_eval"
    refuse_given(options, LANGUAGE_FLAGS, "is for raw files (--task_name); records are of create_finetuning_data.py's languages")
    refuse_given(options, ("on_bad_row",), "is for raw files (--task_name); give it to create_finetuning_data.py")
    train = {"train_data_path": "the records to train on"}
    of_mode = {
        "train": train,
        "train_and_eval": train | {"eval_data_path": "the records to evaluate on (to train only: --mode=train)"},
        "eval": {"eval_data_path": "the records to evaluate on"},
        "predict": {"test_data_path or eval_data_path": "the records to predict"},
        "export_only": {"model_export_path": "where the exported model goes"},
    }
    require_given(options, NEEDED | {"input_meta_data_path": "the meta_data.json of the records"} | of_mode[mode])
