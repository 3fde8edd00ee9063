"""The answer to a question, as a part of a text: the kind `squad`."""

import os
from typing import TYPE_CHECKING, Any

from bert_tf2 import files
from bert_tf2.data.records.metadata import SQUAD
from bert_tf2.errors import UserError
from bert_tf2.options import refuse_given, refuse_overwriting
from bert_tf2.tasks.kind import Kind, kinds
from bert_tf2.tasks.question_answering.options import SquadDataOptions

if TYPE_CHECKING:
    from bert_tf2.data.records.metadata import MetaData
    from bert_tf2.tasks.preparation import Preparation
    from bert_tf2.tasks.question_answering.windows import WindowOptions


@kinds.register("squad")
class QuestionAnswering(Kind):
    """Extractive question answering, trained on SQuAD's JSON."""

    task_type = SQUAD
    data_options = SquadDataOptions

    def needed(self, options: Any) -> dict[str, str]:
        """A training file and where its records go."""
        refuse_given(
            options,
            ("eval_data_output_path", "test_data_output_path"),
            "is refused for squad: questions are made into inputs when answers are predicted, from the JSON itself; "
            "pass the file to run_squad.py as --predict_file",
        )
        refuse_given(options, ("train_file", "eval_file", "test_file"), "is for labels; SQuAD data come from --squad_data_file")
        return {
            "squad_data_file": "a training file in SQuAD's JSON, such as train-v1.1.json",
            "train_data_output_path": "the training records to write",
        }

    def check(self, options: Any) -> None:
        """Windows must move, and leave room for the context."""
        windows_of(options).check()

    def preparation(self, options: Any, tokenizer: Any, trained: "MetaData | None") -> "Preparation":
        """See `SquadPreparation`."""
        from bert_tf2.tasks.question_answering.preparation import SquadPreparation

        paths = files.matching_files(options.squad_data_file, "squad_data_file")
        translated = _files_in(options.translated_squad_data_folder) if options.translated_squad_data_folder else []
        inputs = dict.fromkeys(paths, "squad_data_file") | dict.fromkeys(translated, "translated_squad_data_folder")
        refuse_overwriting(inputs, (options.train_data_output_path, options.meta_data_file_path))
        return SquadPreparation(
            paths,
            tokenizer,
            windows_of(options),
            version_2_with_negative=options.version_2_with_negative,
            answer_labels=options.answer_labels,
            translated_paths=translated,
            padded=options.pad_to_max_length,
        )

    def check_trained(self, options: Any, meta: "MetaData", named: str) -> dict[str, Any]:
        """Questions are made into inputs when answers are predicted."""
        raise UserError(
            f"{named} describes {meta.task_type} records; give the meta_data.json of a classifier's training, and questions to "
            "run_squad.py as --predict_file"
        )


def windows_of(options: Any) -> "WindowOptions":
    """How contexts are cut, as the options of data preparation say."""
    from bert_tf2.tasks.question_answering.windows import WindowOptions

    return WindowOptions(options.max_seq_length or 384, options.doc_stride, options.max_query_length)


def _files_in(folder: str) -> list[str]:
    """The JSON files of a folder.

    Raises:
      UserError: there is no such folder, or it holds none.
    """
    folder = files.expand(folder)
    paths = [os.path.join(folder, name) for name in files.names_in(folder) if name.endswith(".json")]
    if not paths and not files.exists(folder):
        raise UserError(f"--translated_squad_data_folder: no such folder: {folder}")
    if not paths:
        raise UserError(f"--translated_squad_data_folder: no *.json in {folder}")
    return paths
