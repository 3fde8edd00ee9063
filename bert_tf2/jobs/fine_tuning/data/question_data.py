"""What the question-answering job works on: training records, how contexts are cut, and the questions to answer."""

import itertools
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bert_tf2.data.records.metadata import SQUAD, MetaData, RecordFile
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.jobs.fine_tuning.data.question_files import answer_prefixes, check_answers
from bert_tf2.jobs.fine_tuning.data.run_data import RunData
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions
from bert_tf2.jobs.training import training_setup
from bert_tf2.model_directory.metadata_checks import facts_of
from bert_tf2.models.config import BertConfig
from bert_tf2.options import required
from bert_tf2.tasks.base import ExampleSet, Task
from bert_tf2.tasks.question_answering.character_scores import chosen
from bert_tf2.tasks.question_answering.decoding import DecodingOptions
from bert_tf2.tasks.question_answering.features import squad_features
from bert_tf2.tasks.question_answering.options import INDEPENDENT, START_CONDITIONED
from bert_tf2.tasks.question_answering.squad import read_paragraphs
from bert_tf2.tasks.question_answering.start_conditioned.task import StartConditionedTask
from bert_tf2.tasks.question_answering.task import SpanTask
from bert_tf2.tasks.question_answering.windows import QuestionSet, WindowOptions, read_questions
from bert_tf2.text.normalization import Normalization
from bert_tf2.training.reporting.result_files import ResultInput

if TYPE_CHECKING:
    from bert_tf2.models.checkpoints.source import Source

logger = logging.getLogger(__name__)


class QuestionData(RunData):
    """Training records, and questions from SQuAD files.

    Args:
      windows: how contexts are cut.
      version_2: questions may have no answer.
      question_paths: the files of `--predict_file`; see `question_files`.
      predict_file: how the command names them.
      title: what the report calls the data.
      tokenizer: None when the command names no vocabulary.
      train_path: the training records; None without training.
      meta: the metadata of the records that are or were trained on; None when nothing was prepared.
      train_files: the SQuAD files that the training records were made of on the way.
    """

    def __init__(
        self,
        windows: WindowOptions,
        version_2: bool,
        question_paths: list[str],
        predict_file: str | None,
        title: str,
        tokenizer: Any = None,
        train_path: str | None = None,
        meta: MetaData | None = None,
        train_files: Sequence[str] = (),
    ):
        self.meta, self.tokenizer, self.title, self.max_seq_length = meta, tokenizer, title, windows.max_seq_length
        self._windows, self._version_2, self._paths = windows, version_2, question_paths
        self._predict_file, self._train_path = predict_file, train_path
        self._opened: RecordSet | None = None
        self._train_files = train_files

    def task(self, config: BertConfig, options: SquadOptions) -> SpanTask:
        """The task; what answers are scored by goes by the first questions."""
        decoding = DecodingOptions(
            n_best_size=options.n_best_size,
            max_answer_length=options.max_answer_length,
            version_2=self._version_2,
            null_score_diff_threshold=options.threshold or 0.0,
            google_text=options.answer_text == "google",
            normalization=Normalization() if self.tokenizer is None else self.tokenizer.normalization,
        )
        common: dict[str, Any] = {
            "best_metric": options.best_metric,
            "language": self._language_of_scores(options),
            "windows": self._windows,
            "finds_threshold": options.threshold is None,
        }
        if options.is_start_conditioned:
            return StartConditionedTask(decoding, config, options.start_n_top, options.end_n_top, **common)
        return SpanTask(decoding, initializer_range=config.initializer_range, **common)

    def fitted(self, source: "Source", task: Task, begins: bool) -> tuple["Source", dict[str, str]]:
        """As it is; told of a head of the other kind in the place of the task's."""
        del begins
        kind, other = ("start_conditioned", "span") if "start_conditioned" in task.heads else ("span", "start_conditioned")
        if source.head(kind) or not source.head(other):
            return source, {}
        has = START_CONDITIONED if other == "start_conditioned" else INDEPENDENT
        return source, {kind: f"has the head of --answer_head={has}, and not this one"}

    def _language_of_scores(self, options: SquadOptions) -> str:
        """What answers are scored by; decided before the training, whose best checkpoint the scores choose."""
        read = (question for paragraph in read_paragraphs(self._paths[:1]) for question in paragraph.questions)
        questions = list(itertools.islice(read, 1000))
        language, line = chosen(questions, options.answer_language)
        if any(question.answers for question in questions):
            logger.info("%s", line)
        return language

    def training_records(self, task: Task) -> RecordSet:
        """The records of `--train_data_path`, or those made of `--train_file`."""
        if self._opened is None:
            self._opened = RecordSet.open(required(self._train_path), task.features, self._expected())
        return self._opened

    def _expected(self) -> RecordFile | None:
        """What the metadata says about the training file; None for several files and where it says nothing."""
        path = required(self._train_path)
        if self.meta is None or any(sign in path for sign in ",*?["):
            return None
        return self.meta.files.get(self.meta.split_of(path, "train") or "train")

    def evaluation_sets(self, task: Task, finds_tuning: bool) -> list[ExampleSet]:
        """All questions of `--predict_file` together."""
        examples = self._example_set("eval", self._paths, "")
        check_answers(examples.source.questions, self._version_2, required(self._predict_file), finds_tuning)
        return [examples]

    def prediction_sets(self, task: Task, evaluated: list[ExampleSet]) -> list[ExampleSet]:
        """The questions of each file: several files have their predictions in several files."""
        if evaluated and len(self._paths) == 1:
            return evaluated
        prefixes = answer_prefixes(self._paths)
        return [self._example_set(prefix.rstrip("-") or "eval", [path], prefix) for path, prefix in zip(self._paths, prefixes)]

    def _example_set(self, name: str, paths: list[str], prefix: str) -> ExampleSet:
        questions = self.read_questions(paths)
        records = RecordSet.in_memory(questions.records, squad_features(training=False), "the windows of --predict_file")
        origin = required(self._predict_file) if paths == self._paths else paths[0]
        return ExampleSet(name, records, source=questions, origin=origin, prefix=prefix)

    def input_of(self, examples: ExampleSet) -> ResultInput:
        """The files, byte for byte."""
        by_prefix = dict(zip(answer_prefixes(self._paths), self._paths))
        return ResultInput.of_files([by_prefix[examples.prefix]] if examples.prefix else self._paths)

    def raw_texts(self, number: int) -> list[tuple[str, str | None]] | None:
        """Questions with their contexts, of the training's files or else of those that are answered."""
        paths = [*(self._train_files or self._paths)]
        asked = ((one.text, paragraph.context) for paragraph in read_paragraphs(paths) for one in paragraph.questions[:1])
        return list(itertools.islice(asked, number)) or None

    def model_facts(self) -> dict[str, Any]:
        """Of the tokenizer at hand, or of the training's metadata."""
        if self.tokenizer is None:
            return facts_of(required(self.meta))
        return {"task": SQUAD, "vocabulary": self.tokenizer.fingerprint, "do_lower_case": self.tokenizer.normalization.fact}

    def google_train_steps(self, options: SquadOptions, records: RecordSet) -> int:
        """By questions as google-research/bert, or by windows as the garden."""
        del records
        meta = required(self.meta)
        examples = meta.extra["questions"] if options.is_tf1_dialect else meta.train_data_size
        return training_setup.google_train_steps(examples, options, options.is_tf1_dialect)

    def read_questions(self, paths: list[str]) -> QuestionSet:
        """The questions of some SQuAD files.

        Raises:
          UserError: a file cannot be used.
        """
        window = self._windows
        questions = read_questions(
            paths,
            self.tokenizer,
            max_seq_length=window.max_seq_length,
            doc_stride=window.doc_stride,
            max_query_length=window.max_query_length,
        )
        for notice in questions.notices:
            logger.warning("%s", notice)
        if questions.version_2 and not self._version_2:
            reason = "the model was trained, and is asked, without --version_2_with_negative"
            if self.meta is None:
                reason = "--version_2_with_negative is not given; give it if the model was trained with it"
            logger.warning("%s has questions without an answer, but every question will get one: %s", ", ".join(paths), reason)
        return questions
