"""Whether the labels of the sets say the same of the same words.

A naive Bayes classifier learns the training's labels from which words occur. On training rows that were held out from it (five
folds) its agreement with the labels shows how much of them words alone tell; on another set it should be about the same. Where it
is no better than by chance there, rows and labels do not belong together; where it is worse than by chance, labels are exchanged.
It cannot see what words do not tell: where it learns nothing of the training's own labels it says so, and an error in some of the
labels of a set goes unnoticed.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from bert_tf2.jobs.doctor.facts import Facts, Inputs
from bert_tf2.jobs.doctor.findings import Finding, advice, ok, wrong
from bert_tf2.jobs.doctor.naive_bayes import NaiveBayes, kappa, present

_FOLDS = 5
_MOST_TRAINED, _MOST_SCORED = 20_000, 5_000
_MOST_COUNTS = 40_000_000
_FEWEST = 50
# Standard errors: of what is told as sure, and of what a set must be able to show.
_SURE, _POWER = 4.0, 5.0
_SEED = 12345


def examine(facts: Facts) -> Iterator[Finding]:
    """Compares each set that has classes with the training."""
    train, number = facts.inputs.get("train"), len(facts.task.class_names)
    if train is None or train.classes is None or len(train.keys) < _FEWEST:
        return
    others = [one for one in facts.inputs.values() if one is not train and one.classes is not None]
    size = int(max(int(ids.max(initial=0)) for one in (train, *others) for ids in one.ids)) + 16
    if number * size > _MOST_COUNTS:
        yield ok(f"{number} classes are too many for a quick look at whether the sets' labels agree")
        return
    rows = _drawn(len(train.keys), _MOST_TRAINED)
    features, classes = _features(train, rows, size), train.classes[rows]
    model = NaiveBayes(features, classes, number, size + 16)
    own = _held_out(model, features, classes)
    agreed, error = kappa(classes, own, number)
    told = f"{np.mean(own == classes):.1%} right"
    majority = f"always the most frequent: {np.bincount(classes).max() / len(classes):.1%}"
    if agreed < _SURE * error or agreed < 0.05:
        says = f"train's labels cannot be told from its words ({told} by words alone, {majority})"
        if len(rows) >= 1000 and agreed < 2 * error:
            yield advice(
                f"{says}: the task may need more than words, or rows and labels do not belong together",
                "look at some training rows: has each its own label?",
            )
        else:
            yield ok(f"{says}, so whether other sets agree with train is not to be seen this way")
        return
    yield ok(f"by words alone train's labels are {told} on rows held out ({majority})")
    for other in others:
        yield from _compared(facts, model, other, agreed, number, size)


def _drawn(number: int, most: int) -> np.ndarray:
    """Some of so many rows, in a random order that is always the same."""
    return np.random.default_rng(_SEED).permutation(number)[:most]


def _features(inputs: Inputs, rows: np.ndarray, size: int) -> list[np.ndarray]:
    return present([inputs.ids[row] for row in rows], [inputs.first[row] for row in rows], size)


def _held_out(model: NaiveBayes, features: Sequence[np.ndarray], classes: np.ndarray) -> np.ndarray:
    """What the model says of each text when it has not learned from it and the others of its fold."""
    predicted = np.zeros(len(features), np.int64)
    for fold in range(_FOLDS):
        places = range(fold, len(features), _FOLDS)
        held = [features[place] for place in places]
        model.add(held, classes[fold::_FOLDS], -1)
        predicted[fold::_FOLDS] = model.predict(held)
        model.add(held, classes[fold::_FOLDS])
    return predicted


def _compared(facts: Facts, model: NaiveBayes, other: Inputs, of_train: float, number: int, size: int) -> Iterator[Finding]:
    rows = _drawn(len(other.keys), _MOST_SCORED)
    gold = np.asarray(other.classes)[rows]
    predicted = model.predict(_features(other, rows, size))
    agreed, error = kappa(gold, predicted, number)
    right = f"{np.mean(predicted == gold):.1%} right"
    exchanged = _exchanged(facts, gold, predicted, agreed, of_train, number)
    if error == 0 or of_train < _POWER * error:
        yield ok(f"{other.name}: {right} by words alone; its {len(gold):,} rows are too few to say whether its labels agree")
    elif exchanged or agreed < -_SURE * error:
        yield wrong(
            f"{other.name}: its labels are exchanged, by words alone only {right}{exchanged}",
            f"number the labels of {other.name} as those of train; in records the order is label_list in meta_data.json",
        )
    elif agreed < 3 * error and of_train - agreed > _SURE * error:
        yield wrong(
            f"{other.name}: its labels agree with train's no better than by chance, by words alone {right}: they are shuffled, "
            "or stand beside other rows",
            f"make {other.name} again: each row with its own label",
        )
    elif of_train - agreed > _SURE * error and agreed < of_train / 2:
        yield advice(
            f"{other.name}: by words alone only {right}, much less than on train: other texts, or wrong labels among them",
            f"look at some rows of {other.name}",
        )
    else:
        yield ok(f"{other.name}: {right} by words alone, as on train: its labels agree with train's")


def _exchanged(facts: Facts, gold: np.ndarray, predicted: np.ndarray, agreed: float, of_train: float, number: int) -> str:
    """Which labels stand for which of train's, after a semicolon; nothing unless another order of them explains the set."""
    if number > 200 or agreed > of_train / 2:
        return ""
    table = np.bincount(gold * number + predicted, minlength=number * number).reshape(number, number)
    chance = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / len(gold)
    meant = np.argmax(table - chance, axis=1)
    occurring = np.flatnonzero(table.sum(axis=1))
    if len(set(meant[occurring])) != len(occurring) or (meant[occurring] == occurring).all():
        return ""
    fitted, error = kappa(meant[gold], predicted, number)
    if fitted < 0.6 * of_train or fitted < _SURE * error:
        return ""
    names = facts.task.class_names
    pairs = [f"'{names[one]}' there is '{names[meant[one]]}' in train" for one in occurring.tolist() if meant[one] != one]
    return f"; {', '.join(pairs[:4])}{', …' if len(pairs) > 4 else ''}"
