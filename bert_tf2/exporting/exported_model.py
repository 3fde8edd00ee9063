"""An exported model: texts in, answers out. Needs numpy, the model's runtime and the library of its tokenizer, nothing else.

    model = ExportedModel()
    print(model.classify("a delight from start to finish"))

The files beside this one say how: `export.json`, the model, and `tokenizer.json` or a SentencePiece model.
"""

import json
import os
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
Run = Callable[[Arrays], Arrays]
NAMES = ("input_word_ids", "input_mask", "input_type_ids")


class ExportedModel:
    """The model in a folder, by default this file's.

    Texts longer than the model takes are cut as they were in its training. Every answer is of JSON's types.
    """

    def __init__(self, folder: str | os.PathLike | None = None):
        folder = os.fspath(folder or os.path.dirname(os.path.abspath(__file__)))
        with open(os.path.join(folder, "export.json"), encoding="utf-8") as file:
            self.settings: dict[str, Any] = json.load(file)
        self.facts, self.template = self.settings["facts"], self.settings["template"]
        self.tokenizer = load_tokenizer(folder, self.settings["tokenizer"])
        path = os.path.join(folder, self.settings["file"])
        self._run = open_session(self.settings["target"], path, self.settings["length"])

    def outputs(self, rows: Sequence[tuple[list[int], list[int]]]) -> Arrays:
        """Arrays by name for rows of (ids, types), padded to the longest."""
        longest = max(len(ids) for ids, _ in rows)
        inputs = np.zeros((3, len(rows), longest), np.int32)
        for row, (ids, types) in enumerate(rows):
            inputs[:, row, : len(ids)] = ids, np.ones(len(ids)), types
        return self._run(dict(zip(NAMES, inputs)))

    def packed(self, first: Sequence[int], second: Sequence[int] = ()) -> tuple[list[int], list[int]]:
        """The ids of one text or two with the special tokens around them, and the types of all."""
        begin, between, end = (self.template[name] for name in ("begin", "between", "end"))
        ids = [*begin, *first, *between, *second, *end] if len(second) else [*begin, *first, *end]
        here = len(begin) + len(first) + len(between) if len(second) else len(ids)
        types = [self.template["segments"][0]] * here + [self.template["segments"][1]] * (len(ids) - here)
        if self.template["last_segment"] is not None:
            types[-1] = self.template["last_segment"]
        return ids, types

    def room(self, texts: int) -> int:
        """How many tokens of the texts themselves an input may have."""
        special = len(self.template["begin"]) + len(self.template["end"]) + (texts > 1) * len(self.template["between"])
        return self.settings["max_seq_length"] - special

    def of_texts(self, text: str, second: str | None = None) -> Arrays:
        """The outputs of a text or a pair, without the first axis; those of its windows are pooled."""
        return self.of_many([self.rows(text, second)])[0]

    def rows(self, text: str, second: str | None = None) -> list[tuple[list[int], list[int]]]:
        """A text or a pair as `outputs` takes it: one row, or one for each window or pattern."""
        if "patterns" in self.facts:
            return [self.packed(*parts) for parts in self.in_patterns(text, second or "")]
        parts = self.parts(self.tokenizer.ids(text), self.tokenizer.ids(second) if second else [])
        return [self.packed(*part) for part in parts]

    def of_many(self, several: Sequence[Sequence[tuple[list[int], list[int]]]]) -> list[Arrays]:
        """As `of_texts`, for several at a time, of which each is the rows that `rows` gives."""
        found, first = self.outputs([row for rows in several for row in rows]), 0
        answers = []
        for rows in several:
            own = {name: value[first : first + len(rows)] for name, value in found.items()}
            if "patterns" in self.facts:
                chances = np.stack([softmax(scores.astype(np.float64)) for scores in own["label_scores"]])
                own = {"sentence_prediction": np.log(chances.mean(axis=0, keepdims=True))}
            scores, pooling = own.get("window_score"), self.facts.get("window_pooling")
            answers.append({name: pooled(value, scores, pooling) for name, value in own.items()})
            first += len(rows)
        return answers

    def in_patterns(self, text: str, second: str = "") -> list[list[list[int]]]:
        """The segments of every pattern with a text, or a pair, in it. The texts are cut where they do not fit."""
        facts, settings, found = self.facts, self.settings["tokenizer"], []
        # In byte-level BPE a space belongs to the word behind it, and before a mask there is none.
        joins = settings["kind"] == "bytelevelbpe"
        chosen = slice(None) if facts["pattern"] is None else slice(facts["pattern"] - 1, facts["pattern"])
        vectors = facts.get("vectors") or [[]] * len(facts["patterns"])
        for pattern, places in zip(facts["patterns"][chosen], vectors[chosen]):
            own = iter(places)
            texts: list[list[int]] = [[], []]
            segments: list[list[Any]] = []
            for segment in pattern.split("[SEP]"):
                pieces = [piece for piece in re.split(r"(\{\w+\}|\[MASK\]|\[P(?:[*:][^\[\]]*)?\])", segment) if piece]
                segments.append([])
                for before, piece in zip(["", *pieces], pieces):
                    if piece == "[MASK]":
                        segments[-1].append([facts["mask_id"]] * facts["masks"])
                    elif places and piece.startswith("[P") and piece.endswith("]"):
                        segments[-1].append([id for id, _ in next(own)])
                    elif piece.startswith("{") and piece.endswith("}"):
                        space = " " if joins and before != before.rstrip() else ""
                        ids = self.tokenizer.ids(space + (second if piece == "{text_b}" else text))
                        texts[piece == "{text_b}"] = [settings["unk_id"] if id == facts["mask_id"] else id for id in ids]
                        segments[-1].append(piece == "{text_b}")
                    else:
                        segments[-1].append(self.tokenizer.ids(piece.rstrip() if joins and piece is not pieces[-1] else piece))
            kept, room = list(map(len, texts)), self.room(len(segments))
            room -= sum(len(part) for parts in segments for part in parts if isinstance(part, list))
            while sum(kept) > room:
                kept[kept[0] <= kept[1]] -= 1
            filled = [[part if isinstance(part, list) else texts[part][: kept[part]] for part in parts] for parts in segments]
            found.append([[id for part in parts for id in part] for parts in filled])
        return found

    def parts(self, first: list[int], second: list[int]) -> list[tuple[list[int], list[int]]]:
        """What the model sees of a text or a pair that may be too long, as in its training: one input, or a window each."""
        room = self.room(2 if second else 1)
        if self.facts.get("long_text") == "windows" and len(first) + len(second) > room:
            first_is_long = not second or len(first) > len(second)
            long, whole = (first, second) if first_is_long else (second, first)
            room -= len(whole)
            step, over = room - self.facts["window_overlap"], len(long) - room
            if step < 1:
                raise ValueError("the shorter text of the pair is too long to stand whole in each window of the other")
            starts = [min(number * step, over) for number in range(min(1 - (-over // step), self.facts["max_windows"]))]
            windows = [long[start : start + room] for start in starts]
            return [(window, whole) if first_is_long else (whole, window) for window in windows]
        kept = [len(first), len(second)]
        while sum(kept) > room:
            kept[kept[0] <= kept[1]] -= 1
        heads = [int(self.facts.get("head_share", 1) * number + 0.5) for number in kept]
        cut = [ids[:head] + ids[len(ids) - number + head :] for ids, number, head in zip((first, second), kept, heads)]
        return [(cut[0], cut[1])]

    def classify(self, text: str, second: str | None = None) -> dict[str, Any]:
        """The label and a probability of each; of a model with any number of labels those that are chosen."""
        return self.classes(self.of_texts(text, second)["sentence_prediction"])

    def classes(self, logits: np.ndarray) -> dict[str, Any]:
        """What `classify` says of the outputs of one text."""
        logits, labels = logits.astype(np.float64), self.facts["labels"]
        if "thresholds" in self.facts:
            found = 1 / (1 + np.exp(-logits))
            chosen = [label for label, one, least in zip(labels, found, self.facts["thresholds"]) if one >= least]
            return {"labels": chosen, "probabilities": dict(zip(labels, found.tolist()))}
        found = softmax(logits / self.facts.get("temperature", 1.0))
        return {"label": labels[int(found.argmax())], "probabilities": dict(zip(labels, found.tolist()))}

    def number(self, text: str, second: str | None = None) -> float:
        """The number that a model of numbers gives."""
        return float(self.of_texts(text, second)["sentence_prediction"][0])

    def vector(self, text: str) -> list[float]:
        """The vector of a text, of length 1."""
        found = self.of_texts(text)["embedding"].astype(np.float64)
        return (found / np.linalg.norm(found)).tolist()

    def likeness(self, text: str, second: str) -> float:
        """The cosine of two texts' vectors."""
        return float(np.dot(self.vector(text), self.vector(second)))

    def choose(self, question: str, choices: Sequence[str], context: str = "") -> dict[str, Any]:
        """The number of the best choice from 0, and a probability of each."""
        rows = []
        for choice in choices:
            if context and self.facts.get("fills_blank") and "_" in question:
                text = choice.join(re.split("_+", question))
            else:
                text = f"{question} {choice}" if context and question else choice
            first, second = self.tokenizer.ids(context or question), self.tokenizer.ids(text)
            asked = len(second) if context else len(first) + len(second)
            kept = min(asked, self.facts.get("max_qa_length") or asked, self.room(2))
            second = second[-kept:]
            first = first[: self.room(2) - kept] if context else first[max(len(first) - (kept - len(second)), 0) :]
            rows.append(self.packed(first, second))
        found = softmax(self.outputs(rows)["logits"].astype(np.float64))
        return {"number": int(found.argmax()), "probabilities": found.tolist()}

    def tag(self, words: Sequence[str]) -> list[str]:
        """The tag of each word. Long sentences go through in windows, half a window apart."""
        pieces = [self.tokenizer.word(word) for word in words]
        ids = [id for piece in pieces for id in piece]
        starts = np.cumsum([0, *map(len, pieces)])[:-1]
        room, begins = self.room(1), [0]
        while begins[-1] + room < len(ids):
            begins.append(min(begins[-1] + max(room // 2, 1), len(ids) - room))
        logits, first = np.zeros((len(ids), len(self.facts["labels"]))), 0
        shown = self.outputs([self.packed(ids[begin : begin + room]) for begin in begins])["logits"]
        for number, begin in enumerate(begins):
            # A piece that two windows show is answered by the one in which it is farther from the cut.
            last = number + 1 == len(begins)
            behind = len(ids) if last else (begins[number + 1] + begin + room + 1) // 2
            at = len(self.template["begin"]) - begin
            logits[first:behind] = shown[number, first + at : behind + at]
            first = behind
        return [self.facts["labels"][tag] for tag in best_tags(logits[starts], self.facts.get("transitions"))]

    def answer(self, question: str, context: str) -> dict[str, Any]:
        """The answer as it stands in the context (of a SentencePiece model: as its pieces spell it), and its score."""
        asked = self.tokenizer.ids(question)[: self.facts["max_query_length"]]
        ids, places = self.tokenizer.placed(context)
        room, before = self.room(2) - len(asked), len(asked) + len(self.template["begin"]) + len(self.template["between"])
        step = min(room, self.facts["doc_stride"])
        firsts = [0, *range(step, len(ids) - room + step, step)] if len(ids) > room else [0]
        if not ids:
            return {"answer": "", "score": 0.0}
        found = self.outputs([self.packed(asked, ids[first : first + room]) for first in firsts])
        counts = [min(room, len(ids) - first) for first in firsts]

        def context_of(token: int, window: int) -> float:
            left, right = token - firsts[window], firsts[window] + counts[window] - 1 - token
            return min(left, right) + 0.01 * counts[window] if min(left, right) >= 0 else -1.0

        home = [max(range(len(firsts)), key=lambda window: context_of(token, window)) for token in range(len(ids))]
        best, nothing = (-np.inf, 0, 0), np.inf
        for window, (first, count) in enumerate(zip(firsts, counts)):
            start, end = (found[name][window].astype(np.float64) for name in ("start_positions", "end_positions"))
            nothing = min(nothing, start[0] + end[0])
            for begin in [token for token in range(first, first + count) if home[token] == window]:
                ends = end[before + begin - first : before + min(begin - first + self.facts["max_answer_length"], count)]
                score = start[before + begin - first] + ends.max()
                best = max(best, (score, begin, begin + int(ends.argmax())), key=lambda one: one[0])
        score, begin, last = best
        if self.facts["version_2"] and nothing - score > self.facts["null_score_diff_threshold"]:
            return {"answer": "", "score": float(nothing)}
        text = self.tokenizer.text(ids[begin : last + 1]) if places is None else context[places[begin][0] : places[last][1]]
        return {"answer": text.strip(), "score": float(score)}


class WordTokenizer:
    """WordPiece or byte-level BPE, by the library tokenizers."""

    def __init__(self, path: str, settings: Mapping[str, Any]):
        from tokenizers import Tokenizer

        self._library, self._unknown = Tokenizer.from_file(path), settings["unk_id"]

    def ids(self, text: str) -> list[int]:
        """Of a text, without special ones."""
        return list(self._library.encode(text, add_special_tokens=False).ids)

    def word(self, word: str) -> list[int]:
        """Of a word of a text that is given in words."""
        return self.ids(word if word.startswith(" ") else f" {word}") or [self._unknown]

    def placed(self, text: str) -> tuple[list[int], list[tuple[int, int]] | None]:
        """The ids, and where each token begins and ends in the text."""
        found = self._library.encode(text, add_special_tokens=False)
        return list(found.ids), list(found.offsets)

    def text(self, ids: list[int]) -> str:
        """What tokens spell; here their places tell it better."""
        return str(self._library.decode(ids))


class PieceTokenizer:
    """SentencePiece."""

    def __init__(self, path: str, settings: Mapping[str, Any]):
        import sentencepiece

        self._library, self._settings = sentencepiece.SentencePieceProcessor(model_file=path), settings
        self._apart = {int(id): parts for id, parts in settings["apart"].items()}

    def ids(self, text: str) -> list[int]:
        """Of a text, without special ones; numbers with a comma behind them are taken apart, as in the training."""
        settings = self._settings
        if settings["straightens_quotes"]:
            text = text.replace("``", '"').replace("''", '"')
        if settings["do_lower_case"] or settings["strip_accents"]:
            text = " ".join(text.split())
        if settings["strip_accents"]:
            text = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
        text = text.lower() if settings["do_lower_case"] else text
        return [part for id in self._library.encode(text) for part in self._apart.get(id, (id,))]

    def word(self, word: str) -> list[int]:
        """Of a word of a text that is given in words."""
        return self.ids(word) or [self._settings["unk_id"]]

    def placed(self, text: str) -> tuple[list[int], list[tuple[int, int]] | None]:
        """The ids; where they stand in the text as it was before it was prepared is not known here."""
        return self.ids(text), None

    def text(self, ids: list[int]) -> str:
        """What pieces spell."""
        return self._library.decode(ids)


def load_tokenizer(folder: str, settings: Mapping[str, Any]) -> "WordTokenizer | PieceTokenizer":
    """The tokenizer of an export."""
    kind = PieceTokenizer if settings["kind"] == "sentencepiece" else WordTokenizer
    return kind(os.path.join(folder, settings["file"]), settings)


def open_session(target: str, path: str, length: int | None) -> Run:
    """A function from int32 [R, L] by name to arrays by name, in the model's own runtime; rows are padded to `length` first.

    `length` is None where a row may have any length. What is given for each token is given for those of the padding too.
    """
    run = {"onnx": _onnx, "tflite": _tflite, "saved_model": _saved_model}[target](path)

    def padded(rows: Arrays) -> Arrays:
        long = rows[NAMES[0]].shape[1]
        if length is None or long == length:
            return run(rows)
        return run({name: np.pad(values, [(0, 0), (0, length - long)]) for name, values in rows.items()})

    return padded


def _onnx(path: str) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    taken, given = ([one.name for one in ends] for ends in (session.get_inputs(), session.get_outputs()))
    return lambda rows: dict(zip(given, session.run(given, {name: rows[name] for name in taken})))


def _tflite(path: str) -> Run:
    from ai_edge_litert.interpreter import Interpreter

    # Kept: the runner alone would not keep it alive.
    interpreter = Interpreter(model_path=path, num_threads=os.cpu_count())
    run = interpreter.get_signature_runner("serving_default")
    taken = list(run.get_input_details())

    def of_rows(rows: Arrays) -> Arrays:
        # The model takes one row at a time.
        several = [run(**{name: rows[name][row : row + 1] for name in taken}) for row in range(len(rows[NAMES[0]]))]
        return {name: np.concatenate([one[name] for one in several]) for name in several[0]}

    return of_rows


def _saved_model(path: str) -> Run:
    import tensorflow

    loaded = tensorflow.saved_model.load(path)

    def run(rows: Arrays) -> Arrays:
        found = loaded.signatures["serving_default"](**{name: tensorflow.constant(rows[name]) for name in NAMES})
        return {name: value.numpy() for name, value in found.items()}

    return run


def pooled(values: np.ndarray, scores: np.ndarray | None, pooling: str | None) -> np.ndarray:
    """One row of those of a text's windows; where there is one, that one."""
    if scores is not None:
        return (np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum() * values).sum(axis=0)
    return {"mean": values.mean(axis=0), "max": values.max(axis=0)}.get(pooling or "first", values[0])


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities that add up to 1."""
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def best_tags(logits: np.ndarray, transitions: list[list[float]] | None) -> list[int]:
    """The best tag of each word: by itself, or the best sequence by the transitions between them (Viterbi)."""
    if transitions is None or not len(logits):
        return logits.argmax(axis=1).tolist()
    between = np.array(transitions)
    best, came_from = between[-1, :-1] + logits[0], []
    for emission in logits[1:]:
        scores = best[:, None] + between[:-1, :-1]
        came_from.append(scores.argmax(axis=0))
        best = scores.max(axis=0) + emission
    tags = [int((best + between[:-1, -1]).argmax())]
    for sources in reversed(came_from):
        tags.append(int(sources[tags[-1]]))
    return tags[::-1]
