"""The SavedModel that answers questions: text in, answers out."""

import tf_keras

from bert_tf2.tasks.question_answering.decoding import DecodingOptions
from bert_tf2.tasks.question_answering.in_graph import QuestionAnsweringModule
from bert_tf2.tasks.question_answering.windows import WindowOptions
from bert_tf2.text.tokenizer import Tokenizer
from bert_tf2.training.export import require_free_directory, save_module


def export_question_answering_model(
    model: tf_keras.Model,
    tokenizer: Tokenizer,
    path: str,
    *,
    max_seq_length: int = 384,
    doc_stride: int = 128,
    max_query_length: int = 64,
    n_best_size: int = 20,
    max_answer_length: int = 30,
    version_2: bool = False,
    null_score_diff_threshold: float = 0.0,
) -> None:
    """Writes a SavedModel whose `serving_default` takes `question` and `context`, string [-1], and answers.

    What it returns is said at `QuestionAnsweringModule.answer`. A program that loads it imports `tensorflow_text` first: the
    tokenizer in the graph is made of its operations. Nothing else of this project is needed there.

    Args:
      model: maps the encoder's inputs to the logits `start_positions` and `end_positions`, float32 [N, L].
      tokenizer: the model's, WordPiece.
      path: the SavedModel's directory; must not exist or be empty.
      max_seq_length, doc_stride, max_query_length: as in training; see `WindowOptions`.
      n_best_size, max_answer_length, version_2, null_score_diff_threshold: as in prediction; see `DecodingOptions`.

    Raises:
      UserError: the tokenizer is SentencePiece, an option cannot be used, or the directory holds something.
    """
    require_free_directory(path)
    module = QuestionAnsweringModule(
        model,
        tokenizer,
        WindowOptions(max_seq_length, doc_stride, max_query_length),
        DecodingOptions(n_best_size, max_answer_length, version_2, null_score_diff_threshold),
    )
    save_module(module, path, {"serving_default": module.answer.get_concrete_function()})
