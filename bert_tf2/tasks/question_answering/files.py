"""What is written of SQuAD answers: Google's files, byte for byte (JSON with an indent of four, in ASCII)."""

import json
import os

from bert_tf2.files import remove_if_there, write_text
from bert_tf2.tasks.question_answering.decoding import DecodedAnswers

PREDICTIONS = "predictions.json"
NBEST = "nbest_predictions.json"
NULL_ODDS = "null_odds.json"
ANSWER_FILES = (PREDICTIONS, NBEST, NULL_ODDS)


def write_answers(directory: str, answers: DecodedAnswers, version_2: bool, prefix: str = "") -> list[str]:
    """Writes predictions.json, nbest_predictions.json and, in version 2.0, null_odds.json, with a prefix before their names;
    returns their paths. Odds of earlier answers, which would be taken for those of these, are removed.

    Raises:
      UserError: the directory cannot be written to.
      JobError: the disk is full or fails.
    """
    contents = {PREDICTIONS: _json(answers.predictions), NBEST: _json(answers.nbest)}
    if version_2:
        contents[NULL_ODDS] = _json(answers.null_odds)
    paths = []
    for name, text in contents.items():
        paths.append(os.path.join(directory, prefix + name))
        write_text(paths[-1], text)
    if not version_2:
        remove_if_there(os.path.join(directory, prefix + NULL_ODDS))
    return paths


def _json(value: object) -> str:
    return json.dumps(value, indent=4) + "\n"
