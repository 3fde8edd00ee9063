"""The options of `run_squad.py`: the model garden's dialect, google-research/bert's, and what both lack."""

import dataclasses
from typing import ClassVar

from bert_tf2.errors import UserError
from bert_tf2.jobs import shared_options
from bert_tf2.jobs.fine_tuning.layers.options import LayerOptions
from bert_tf2.jobs.fine_tuning.phases import Phases
from bert_tf2.jobs.fine_tuning.prediction.options import PredictionOptions
from bert_tf2.jobs.fine_tuning.presets import QuestionPresetOptions
from bert_tf2.jobs.fine_tuning.regularisation_options import RegularisationOptions
from bert_tf2.jobs.fine_tuning.sweeps.options import SweepOptions
from bert_tf2.jobs.fine_tuning.teaching.replacing_options import ReplacingOptions
from bert_tf2.jobs.fine_tuning.xlnet_flags import XLNetFlags, settle_directories
from bert_tf2.jobs.training.distillation_options import DISTILLATION, DistillationOptions
from bert_tf2.jobs.training.training_options import NEEDED, OPTIMIZATION, VOCABULARY, TrainingOptions
from bert_tf2.options import at_least, ignored_option, option, refuse_given, refused_option, require_given
from bert_tf2.tasks.kind_options import of_kind
from bert_tf2.tasks.question_answering.options import ANSWER_HEADS, ANSWER_LABELS, ANSWER_LABELS_HELP, START_CONDITIONED

DATA = "Training data, from create_finetuning_data.py (model-garden dialect)"
TF1 = "Training data, from a SQuAD file (google-research/bert dialect)"
QUESTIONS = "Questions to answer"
HEAD = "Head"
TEXT = "Text"

_KEPT = "records are kept beside the model, and made anew when their data have changed"
_UNWRITTEN = "questions are made into inputs when they are answered, which takes seconds"
_VOCABULARY = "vocab_file or sp_model_file"
MODES = ("train_and_eval", "train_and_predict", "train", "eval", "predict", "export_only")
AUTOMATIC = "auto"
ANSWER_LANGUAGE_HELP = (
    "How answers are scored beside SQuAD's exact match and F1: words (nothing beside them), chinese (char_f1 as CMRC 2018's and "
    "DRCD's script) or characters (the same for Japanese, Thai and other scripts without spaces); auto goes by the questions."
)
ANSWER_LANGUAGES = ("auto", "words", "chinese", "characters")


@dataclasses.dataclass(frozen=True)
class SquadOptions(
    XLNetFlags, LayerOptions, RegularisationOptions, QuestionPresetOptions, SweepOptions, PredictionOptions, DistillationOptions,
    ReplacingOptions, TrainingOptions,
):  # fmt: skip
    """What to train on, which questions to answer, and where results go."""

    command: ClassVar[str] = "run_squad.py"

    mode: str | None = option(None, "What to do [default: train_and_eval].", choices=MODES, section=DATA)
    input_meta_data_path: str | None = option(None, "meta_data.json of the training records.", section=DATA)
    train_data_path: str | None = option(
        None, "Training records; comma-separated names and wildcards.", section=DATA, comma_separated=True
    )

    train_file: str | None = option(
        None, "SQuAD JSON to train on; comma-separated names and wildcards.", section=TF1, comma_separated=True
    )
    do_train: bool = option(False, "Train.", section=TF1)
    do_predict: bool = option(False, "Answer the questions of --predict_file, and score them if all have answers.", section=TF1)
    max_seq_length: int | None = option(
        None, "Longest window in tokens [default: 384, or what the records say].", check=at_least(5), section=TF1
    )
    doc_stride: int | None = option(
        None,
        "Tokens between the starts of two windows [default: 128, or what the records say].",
        check=at_least(1),
        section=TF1,
    )
    max_query_length: int | None = option(
        None,
        "Longest question in tokens; longer ones are cut [default: 64, or what the records say].",
        check=at_least(1),
        section=TF1,
    )
    version_2_with_negative: bool | None = option(
        None, "Some questions have no answer [default: what the records or files say].", section=TF1
    )

    answer_labels: str | None = option(
        None, f"{ANSWER_LABELS_HELP} [default: exact, or what the records say]", choices=ANSWER_LABELS, section=TF1
    )
    on_bad_row: str = option(
        "fail",
        "What to do with a part of --train_file that cannot be used: end, or leave it out, count it and list it in "
        "<output_dir>/train.tf_record.rejects.jsonl. (Answers that do not stand at their answer_start are left out and counted "
        "in any case, as by google-research/bert, up to 1% of them.)",
        choices=("fail", "skip"),
        section=TF1,
    )

    predict_file: str | None = option(
        None,
        "SQuAD JSON whose questions are answered; comma-separated names and wildcards.",
        section=QUESTIONS,
        comma_separated=True,
    )
    predict_batch_size: int = option(8, "Windows per prediction step; changes no result.", check=at_least(1), section=QUESTIONS)
    n_best_size: int = option(
        20,
        "Answers to keep of each question. Fewer than 20 are the best of those found with 20, so that no number changes an "
        "answer (google-research/bert searches with that few, and often finds none); more than 20 search wider, as there.",
        check=at_least(1),
        section=QUESTIONS,
    )
    max_answer_length: int = option(30, "Longest answer in tokens.", check=at_least(1), section=QUESTIONS)
    null_score_diff_threshold: str | float = option(
        "0.0",
        'v2.0: answer "" when the score of no answer exceeds the best answer\'s by more than this; auto: the threshold of the '
        "best F1 on the evaluated file, or after training on the predicted one, kept in --model_dir for prediction and export.",
        section=QUESTIONS,
    )
    answer_text: str = option(
        "exact",
        "How an answer is cut from the passage: exact (by its tokens' offsets) or google (as google-research/bert re-aligns it).",
        choices=("exact", "google"),
        section=QUESTIONS,
    )
    answer_language: str = option("auto", ANSWER_LANGUAGE_HELP, choices=ANSWER_LANGUAGES, section=QUESTIONS)
    evaluate_while_training: bool = option(
        False,
        "Score --predict_file at every evaluation; also on with --best_metric, --early_stopping_patience or "
        "--num_eval_per_epoch above 1.",
        section=QUESTIONS,
    )
    answer_head: str | None = of_kind(
        option(
            None,
            "What finds an answer: independent (a start and an end, each for itself, as BERT) or start_conditioned (XLNet's: an "
            "end for each of the best starts, and for v2.0 a layer that tells whether there is an answer) [default: independent, "
            "or as the model in --model_dir was trained].",
            choices=ANSWER_HEADS,
            section=HEAD,
        ),
        "squad",
    )
    start_n_top: int = option(
        5,
        "start_conditioned: starts of a window that an end is looked for.",
        check=at_least(1),
        may_change=True,
        section=HEAD,
    )
    end_n_top: int = option(
        5, "start_conditioned: ends that are looked for each of them.", check=at_least(1), may_change=True, section=HEAD
    )
    verbose_logging: bool = ignored_option(
        False, "its warnings were of answers whose text could not be aligned, which --answer_text=exact need not do"
    )
    train_feature_file: str | None = ignored_option(None, _KEPT)
    predict_feature_file: str | None = ignored_option(None, _UNWRITTEN)
    predict_feature_left_file: str | None = ignored_option(None, _UNWRITTEN)

    vocab_file: str | None = option(
        None,
        "Vocabulary of the model: WordPiece's vocab.txt, RoBERTa's vocab.json with merges.txt beside it, the tokenizer.json of "
        "either, or a folder with one of them.",
        section=TEXT,
    )
    sp_model_file: str | None = option(
        None, "SentencePiece model, instead of --vocab_file.", section=TEXT, other_names=("spm_model_file", "spiece_model_file")
    )
    do_lower_case: bool | None = shared_options.do_lower_case(TEXT)
    strip_accents: bool | None = shared_options.strip_accents(TEXT)
    keep_tokens: str | None = shared_options.keep_tokens(TEXT)
    num_train_steps: int | None = shared_options.num_train_steps(OPTIMIZATION)
    steps_rounding: str = shared_options.steps_rounding(OPTIMIZATION)
    unlabelled_data_path: str | None = refused_option(
        None,
        "a training row of SQuAD is a window with the places of its answer, and no records are made of questions without; "
        "run_classifier.py takes it",
        section=DISTILLATION,
    )

    @property
    def is_tf1_dialect(self) -> bool:
        """Whether the command is google-research/bert's: JSON in, `--do_*` switches."""
        return bool(self.train_file or self.output_dir or self.do_train or self.do_predict)

    @property
    def is_start_conditioned(self) -> bool:
        """Whether the head is XLNet's."""
        return self.answer_head == START_CONDITIONED

    @property
    def threshold(self) -> float | None:
        """The threshold for no answer; None when it is to be found or was found on an evaluated file."""
        return None if self.null_score_diff_threshold == AUTOMATIC else float(self.null_score_diff_threshold)


def phases_of(options: SquadOptions) -> Phases:
    """What to do, in terms of both dialects."""
    if options.is_tf1_dialect:
        train, evaluate, predict = options.do_train, False, options.do_predict
    else:
        mode = options.mode or MODES[0]
        train, evaluate, predict = "train" in mode, "eval" in mode, "predict" in mode
    watches = (
        options.evaluate_while_training
        or options.best_metric is not None
        or options.early_stopping_patience > 0
        or options.num_eval_per_epoch > 1
    )
    return Phases(train, evaluate, train and watches, predict)


def check_combination(options: SquadOptions) -> None:
    """Checks what single flags cannot: that the flags of one dialect are complete and not mixed with the other's.

    Raises:
      UserError: a flag is missing or contradicts another.
    """
    settle_directories(options)
    if options.num_train_steps is not None:
        refuse_given(options, ("num_train_epochs", "steps_rounding"), "does nothing beside --num_train_steps; leave one out")
    if options.vocab_file and options.sp_model_file:
        raise UserError("--vocab_file and --sp_model_file are two kinds of vocabulary; give the one of the model")
    phases = phases_of(options)
    if options.predict_checkpoint_path and phases.train:
        raise UserError("--predict_checkpoint_path is for evaluation, prediction and export; with training use --init_checkpoint")
    if options.answer_text == "google" and options.model_export_path:
        raise UserError(
            "--answer_text=google cannot be exported: an exported model cuts answers by their tokens' offsets; leave out that or "
            "--model_export_path"
        )
    if options.is_tf1_dialect:
        _refuse_garden_flags(options)
    elif options.on_bad_row != "fail":
        raise UserError(
            f"--on_bad_row={options.on_bad_row} is for --train_file; the records of --train_data_path are made already: give "
            "it to create_finetuning_data.py"
        )
    require_given(options, _needed(options, phases))
    try:
        valid = options.threshold is None or abs(options.threshold) < float("inf")
    except ValueError:
        valid = False
    if not valid:
        raise UserError(f"--null_score_diff_threshold must be a number or auto; got '{options.null_score_diff_threshold}'")


def _refuse_garden_flags(options: SquadOptions) -> None:
    for flag in ("mode", "input_meta_data_path", "train_data_path"):
        if getattr(options, flag) is not None:
            raise UserError(
                f"--{flag} belongs to the model-garden dialect and --train_file/--output_dir/--do_* to the other; "
                "use --mode with records, or --do_train/--do_predict with SQuAD files"
            )


def _needed(options: SquadOptions, phases: Phases) -> dict[str, str]:
    """What the flags give that this command needs."""
    needed = dict(NEEDED)
    if options.is_tf1_dialect:
        needed |= {"do_train or do_predict": "what to do", _VOCABULARY: VOCABULARY}
        needed |= {"train_file": "the SQuAD file to train on"} if phases.train else {}
    else:
        needed["input_meta_data_path"] = "the meta_data.json of the training records"
        needed |= {"train_data_path": "the records to train on"} if phases.train else {}
        needed |= {"model_export_path": "where the exported model goes"} if options.mode == "export_only" else {}
    if phases.looks_at_evaluation or phases.predict:
        needed |= {"predict_file": "the SQuAD file whose questions are answered", _VOCABULARY: VOCABULARY}
    return needed
