"""SQuAD -> training records and what metadata say of them, one article in memory at a time."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bert_tf2.data.records import metadata
from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.errors import UserError
from bert_tf2.tasks.preparation import Preparation, Read, Split
from bert_tf2.tasks.question_answering.answers import EXACT, GOOGLE
from bert_tf2.tasks.question_answering.features import squad_features
from bert_tf2.tasks.question_answering.squad import Paragraph, Reading, noted, read_paragraphs
from bert_tf2.tasks.question_answering.training_encoder import SquadCounts, TrainingEncoder
from bert_tf2.tasks.question_answering.windows import WindowOptions
from bert_tf2.tasks.statistics import unknown_warning
from bert_tf2.text.tokenizer import Tokenizer

_MOST_NOT_FOUND = 0.01


class SquadPreparation(Preparation):
    """Questions on contexts, with the places of their answers.

    Args:
      paths: SQuAD files; their question ids must differ.
      tokenizer: the model's.
      windows: how contexts are cut.
      version_2_with_negative: questions may be impossible to answer.
      answer_labels: which tokens are the answer, `EXACT` or `GOOGLE`.
      translated_paths: further SQuAD files, whose ids may be those of other files.
      padded: records hold also what the garden's reader for XLNet takes; see `squad_features`.

    Raises:
      UserError: windows that cannot be cut, or labels that the tokenizer has not.
    """

    task_type = metadata.SQUAD
    name = "SQuAD"
    unit = "paragraphs"
    # An article is in memory at a time.
    at_once = 1

    def __init__(
        self,
        paths: Sequence[str],
        tokenizer: Tokenizer,
        windows: WindowOptions | None = None,
        *,
        version_2_with_negative: bool = False,
        answer_labels: str = EXACT,
        translated_paths: Sequence[str] = (),
        padded: bool = False,
    ):
        self._windows = windows or WindowOptions()
        self._notices = self._windows.check()
        self.tokenizer, self.max_seq_length = tokenizer, self._windows.max_seq_length
        self.features = squad_features(padded=padded)
        if answer_labels == GOOGLE and tokenizer.kind != "wordpiece":
            raise UserError(
                f"--answer_labels=google is for WordPiece, which Google's program cuts text with; {tokenizer.file} is none: "
                "leave it out"
            )
        self._groups = [paths, *([path] for path in translated_paths)]
        self._version_2, self._answer_labels, self._padded = version_2_with_negative, answer_labels, padded
        self._reading = Reading()
        self._encoder: TrainingEncoder | None = None

    def splits(self, wanted: Mapping[str, str]) -> dict[str, Read]:
        """The paragraphs of all files; there is only training data."""
        del wanted
        return {"train": self._read}

    def _read(self, bad_rows: BadRows) -> Iterator[Paragraph]:
        for group in self._groups:
            yield from read_paragraphs(group, answers_needed=True, report=bad_rows.report, reading=self._reading)

    def begin(self, split: Split) -> None:
        """Questions and windows are counted."""
        split.statistics = SquadCounts([0] * (self.max_seq_length + 1))

    def encode(self, examples: Sequence[Paragraph], split: Split) -> list[bytes]:
        """The windows of all questions on some paragraphs."""
        if self._encoder is None:
            self._encoder = TrainingEncoder(
                split, self.tokenizer, self._windows, self._version_2, self._answer_labels, self._padded
            )
        return [record for paragraph in examples for record in self._encoder.records(paragraph)]

    def check(self, splits: Sequence[Split]) -> None:
        """Refuses no records, and data of which too many answers do not stand where the file says."""
        (split,) = splits
        counts: SquadCounts = split.statistics
        answers = counts.questions - counts.impossible + counts.not_found.count
        if counts.not_found.count > _MOST_NOT_FOUND * answers and not split.bad_rows.skips:
            raise UserError(
                f"{counts.not_found.count:,} of {answers:,} answers do not stand at their answer_start in the context "
                f"({counts.not_found}), more than {_MOST_NOT_FOUND:.0%}: answer_start counts code points, not bytes or UTF-16 "
                "units; --on_bad_row=skip leaves such questions out and lists them"
            )
        if not counts.windows:
            reason = split.bad_rows.first or "no tokens in the contexts"
            raise UserError(f"0 examples: no question can be used; the first reason: {reason}")

    def facts(self, splits: Sequence[Split]) -> dict[str, Any]:
        """How contexts were cut, and what was counted."""
        (counts,) = (split.statistics for split in splits)
        return {
            "metrics": ("f1", "exact_match"),
            "best_metric": "f1",
            "truncated_fraction": {"train": round(counts.truncated / counts.questions, 6)},
            "max_query_length": self._windows.max_query_length,
            "doc_stride": self._windows.doc_stride,
            "version_2_with_negative": self._version_2,
            "answer_labels": self._answer_labels,
            "paragraphs": counts.paragraphs,
            "questions": counts.questions,
            "impossible_questions": counts.impossible,
            "truncated_questions": counts.truncated,
            "skipped_questions": counts.not_found.count + counts.without_tokens.count,
            "windows_without_answer_fraction": round(counts.windows_without_answer / counts.windows, 6),
        }

    def warnings(self, splits: Sequence[Split]) -> list[str]:
        """What is unusual about windows, questions and answers."""
        (split,) = splits
        counts: SquadCounts = split.statistics
        found = [*self._notices, *self._reading.warnings()]
        if self._version_2 and not self._reading.says_version_2:
            found.append("--version_2_with_negative is set, but no question is marked impossible: all count as answerable")
        found += noted(counts.not_found, "left out, since the answer does not stand at its answer_start")
        found += noted(counts.without_tokens, "left out, since context or answer have no tokens")
        found += noted(counts.moved, "with an answer_start that is a little off; the words around it were used")
        found += noted(counts.several_answers, "with several answers; the first that can be used is used for training")
        found += noted(counts.passed_over, "whose first answer does not stand at its answer_start or has no tokens")
        if split.bad_rows.count:
            found.append(split.bad_rows.summary())
        if counts.truncated:
            found.append(f"{counts.truncated:,} questions were cut to --max_query_length={self._windows.max_query_length} tokens")
        return found + unknown_warning("", "contexts' tokens", counts.unknown_tokens / max(counts.context_tokens, 1))

    def summary(self, split: Split) -> list[str]:
        """Questions and windows."""
        counts: SquadCounts = split.statistics
        tokens = sum(length * count for length, count in enumerate(counts.length_counts))
        impossible = f", {counts.impossible:,} without an answer" if counts.impossible else ""
        return [
            f"{split.name}: {counts.questions:,} questions on {counts.paragraphs:,} paragraphs{impossible}",
            f"  {counts.windows:,} windows, {tokens / counts.windows:.1f} tokens on average, "
            f"{counts.windows_without_answer / counts.windows:.1%} do not show the answer",
        ]

    def next_command(self, meta_data_path: str, paths: Mapping[str, str]) -> list[str]:
        """`run_squad.py`, which makes the inputs of the questions itself."""
        version = ["--version_2_with_negative"] if self._version_2 else []
        return [
            "run_squad.py --mode=train_and_eval",
            *version,
            f"--input_meta_data_path={shlex.quote(meta_data_path)}",
            f"--train_data_path={shlex.quote(paths['train'])}",
            "--predict_file=<dev.json>",
        ]
