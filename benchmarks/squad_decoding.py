"""Compares the decoding of SQuAD logits with the model garden's `postprocess_output`, run in turn in one process.

    python benchmarks/squad_decoding.py --data_file=path/to/dev-v1.1.json --vocab_file=path/to/vocab.txt

The logits are random, with a gold answer raised, and kept in float32; the garden gets them as the lists that its prediction
loop makes, and its features ready-made. Both sides' answers are compared: with `google_text` every text must be equal.
"""

import argparse
import os
import pathlib
import statistics
import sys
import time
import types
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import numpy as np

from bert_tf2.tasks.question_answering.decoding import DecodingOptions, decode
from bert_tf2.tasks.question_answering.windows import QuestionSet, read_questions
from bert_tf2.text.offsets import WHITE_SPACE
from bert_tf2.text.tokenizer import load_tokenizer

_FIRST_UNIQUE_ID = 1_000_000_000


def realistic_logits(questions: QuestionSet, length: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Start and end logits float32 [W, length] as a trained model's: one clear peak, lower ones around it, low elsewhere."""
    rng = np.random.default_rng(seed)
    windows = questions.windows
    logits = rng.normal(-6.0, 1.5, [2, len(windows.question), length]).astype(np.float32)
    for row, (question, begin, first, count) in enumerate(
        zip(windows.question, windows.context_begin, windows.first_token, windows.num_tokens)
    ):
        context = questions.contexts[questions.context_of_question[question]]
        answers = questions.questions[question].answers
        logits[:, row, begin + count :] = -15.0
        logits[:, row, 0] = rng.normal(1.0 if answers else 5.0, 2.0, 2)
        if not answers:
            continue
        start = int(np.searchsorted(context.ends, answers[0].start, side="right")) - first
        end = int(np.searchsorted(context.starts, answers[0].start + len(answers[0].text))) - 1 - first
        for side, place in enumerate((start, end)):
            if 0 <= place < count:
                near = np.arange(max(place - 6, 0), min(place + 7, count))
                logits[side, row, begin + near] += 6.0 - 0.6 * np.abs(near - place)
                logits[side, row, begin + place] += rng.normal(4.0, 3.0)
    return logits[0], logits[1]


def garden_inputs(questions: QuestionSet, start_logits: np.ndarray, end_logits: np.ndarray) -> tuple[list, list, list]:
    """Examples, features and results as `postprocess_output` takes them."""
    windows = questions.windows
    spaces = str.maketrans(dict.fromkeys(WHITE_SPACE, " "))
    words = [[word for word in context.text.translate(spaces).split(" ") if word] for context in questions.contexts]
    examples = [
        types.SimpleNamespace(qas_id=question.id, doc_tokens=words[number])
        for question, number in zip(questions.questions, questions.context_of_question)
    ]
    features, results = [], []
    flags_begin = np.cumsum(windows.num_tokens) - windows.num_tokens
    for row, (question, begin, first, count) in enumerate(
        zip(*(a.tolist() for a in (windows.question, windows.context_begin, windows.first_token, windows.num_tokens)))
    ):
        context = questions.contexts[questions.context_of_question[question]]
        shown = range(begin, begin + count)
        tokens = ["[CLS]"] + ["[PAD]"] * (begin - 2) + ["[SEP]", *context.tokens[first : first + count], "[SEP]"]
        flags = windows.max_context[flags_begin[row] : flags_begin[row] + count].tolist()
        features.append(
            types.SimpleNamespace(
                unique_id=_FIRST_UNIQUE_ID + row,
                example_index=question,
                tokens=tokens,
                token_to_orig_map=dict(zip(shown, context.words[first : first + count].tolist())),
                token_is_max_context=dict(zip(shown, flags)),
            )
        )
        results.append(
            types.SimpleNamespace(
                unique_id=_FIRST_UNIQUE_ID + row, start_logits=start_logits[row].tolist(), end_logits=end_logits[row].tolist()
            )
        )
    return examples, features, results


def garden_decode(inputs: tuple[list, list, list], options: DecodingOptions) -> tuple[dict, dict, dict]:
    """The garden's predictions, n-best and null odds."""
    from official.nlp.data import squad_lib

    return squad_lib.postprocess_output(
        *inputs,
        n_best_size=options.n_best_size,
        max_answer_length=options.max_answer_length,
        do_lower_case=options.normalization.do_lower_case,
        version_2_with_negative=options.version_2,
        null_score_diff_threshold=options.null_score_diff_threshold,
    )


def measure(questions: QuestionSet, length: int, rounds: int = 3) -> dict[str, float]:
    """Median seconds of the garden and of both modes of ours in turn, after a check that the answers are equal.

    Raises:
      AssertionError: with `google_text` an answer, an n-best list or null odds differ from the garden's.
    """
    logits = realistic_logits(questions, length)
    inputs = garden_inputs(questions, *logits)
    default = DecodingOptions(version_2=questions.version_2)
    google = DecodingOptions(version_2=questions.version_2, google_text=True)
    sides = {
        "ours": lambda: decode(questions, *logits, default),
        "ours, google_text": lambda: decode(questions, *logits, google),
        "garden": lambda: garden_decode(inputs, google),
    }
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(rounds):
        results: dict[str, Any] = {}
        for side, run in sides.items():
            begin = time.perf_counter()
            results[side] = run()
            seconds[side].append(time.perf_counter() - begin)
        ours, (predictions, nbest, null_odds) = results["ours, google_text"], results["garden"]
        assert ours.predictions == predictions, "answers differ"
        assert ours.null_odds == null_odds, "null odds differ"
        for id, entries in nbest.items():
            assert [(e["text"], e["start_logit"], e["end_logit"]) for e in entries] == [
                (e["text"], e["start_logit"], e["end_logit"]) for e in ours.nbest[id]
            ], f"the n-best of {id} differ"
    return {side: statistics.median(values) for side, values in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_file", default="../shared/data/squad/dev-v1.1.json")
    parser.add_argument("--vocab_file", default="../shared/data/vocab/uncased.txt")
    parser.add_argument("--max_seq_length", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    questions = read_questions(
        [arguments.data_file], load_tokenizer(vocab_file=arguments.vocab_file), max_seq_length=arguments.max_seq_length
    )
    seconds = measure(questions, arguments.max_seq_length, arguments.rounds)
    print(f"{len(questions.questions):,} questions, {len(questions.windows.question):,} windows, n-best 20; medians:")
    for side, value in seconds.items():
        print(f"{side:>20} {value:8.2f} s   {seconds['garden'] / value:6.1f}x")


if __name__ == "__main__":
    main()
