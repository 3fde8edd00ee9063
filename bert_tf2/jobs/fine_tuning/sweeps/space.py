"""What a search tries: a YAML or JSON file that says how, and between which values of which flags.

method: random
trials: 20
space:
  learning_rate: {low: 1e-5, high: 1e-4, log: true}
  train_batch_size: [16, 32]
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bert_tf2 import config_file, files
from bert_tf2.data.sources.yaml_tree import composed, mapping, scalar_text
from bert_tf2.errors import UserError, did_you_mean
from bert_tf2.options import Options, info, value_type

if TYPE_CHECKING:
    import yaml

GRID, RANDOM, HALVING, TPE = "grid", "random", "successive_halving", "tpe"
METHODS = (GRID, RANDOM, HALVING, TPE)
_KEYS = ("method", "trials", "seed", "reduction", "space")
_RANGE_KEYS = ("low", "high", "log")
_TRUTHS = {"true": True, "false": False}
_ELSEWHERE = {
    "seed": "a seed is no setting that could be better than another; repeat the best with --num_seeds",
    **dict.fromkeys(("mode", "do_train", "do_eval", "do_predict"), "every trial trains and is evaluated"),
    "best_metric": "it is what trials are compared by; give it to the command",
    "train_data_path": "trials are compared on the same data",
    "eval_data_path": "trials are compared on the same data",
    "test_data_path": "trials are compared on the same data",
    "unlabelled_data_path": "trials are compared on the same data",
    "predict_file": "trials are compared on the same data",
    "eval_batch_size": "it changes no result",
    "predict_batch_size": "it changes no result",
}


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A flag that is searched.

    Attributes:
      name: the flag's.
      values: those that it may have; empty for a range.
      low: the least value of a range.
      high: the greatest.
      log: whether the logarithm is spread evenly.
      whole: whether the values of a range are whole numbers.
    """

    name: str
    values: tuple[Any, ...] = ()
    low: float = math.nan
    high: float = math.nan
    log: bool = False
    whole: bool = False

    @property
    def number(self) -> float:
        """How many values there are."""
        if self.values:
            return len(self.values)
        return self.high - self.low + 1 if self.whole else math.inf


@dataclasses.dataclass(frozen=True)
class Space:
    """What is tried.

    Attributes:
      method: one of `METHODS`.
      trials: how many.
      seed: of what is drawn.
      reduction: of so many trials one goes on, where successive halving stops the others.
      parameters: by name.
    """

    method: str
    trials: int
    seed: int
    reduction: int
    parameters: Mapping[str, Parameter]

    @property
    def combinations(self) -> float:
        """How many there are; infinite with a range that is not of whole numbers."""
        return math.prod(one.number for one in self.parameters.values())


def read_space(path: str, options_class: type[Options]) -> Space:
    """Reads a search space.

    Args:
      path: the file.
      options_class: of the command whose flags are searched.

    Raises:
      UserError: it cannot be used; the message names the line.
    """
    path = files.require_file(path, "search")
    keys = mapping(composed(path), path, path, "a search: method, space and, but for a grid, trials")
    for name, (_, place) in keys.items():
        if name not in _KEYS:
            raise UserError(f"{place}: unknown word '{name}'.{did_you_mean(name, _KEYS)} A search has {', '.join(_KEYS)}")
    for name in ("method", "space"):
        if name not in keys:
            also = f"; flags and their values stand under it: {_example(next(iter(keys)))}" if name == "space" and keys else ""
            raise UserError(f"{path} lacks '{name}'{also or ', one of ' + ', '.join(METHODS)}")
    method = _word(*keys["method"], "method", METHODS)
    settings = mapping(*keys["space"], path, "flags with the values to try")
    parameters = {}
    for name, (node, place) in settings.items():
        parameter = _parameter(name, node, place, path, options_class.whole())
        if parameter.name in parameters:
            raise UserError(f"{place}: '{name}' is another name of '{parameter.name}', which stands there already; keep one")
        parameters[parameter.name] = parameter
    space = Space(
        method,
        _whole(*keys["trials"], "trials", 1) if "trials" in keys else 0,
        _whole(*keys["seed"], "seed", 0) if "seed" in keys else 0,
        _whole(*keys["reduction"], "reduction", 2) if "reduction" in keys else 3,
        parameters,
    )
    return _complete(space, path, keys)


def _complete(space: Space, path: str, keys: Mapping[str, Any]) -> Space:
    """The space with the number of a grid's trials.

    Raises:
      UserError: a word is missing, or does nothing.
    """
    if "reduction" in keys and space.method != HALVING:
        raise UserError(f"{keys['reduction'][1]}: 'reduction' is for method: {HALVING}; leave it out with {space.method}")
    if space.method == GRID:
        for name in ("trials", "seed"):
            if name in keys:
                raise UserError(f"{keys[name][1]}: a grid tries each combination once; leave '{name}' out, or use method: random")
        for one in space.parameters.values():
            if not one.values:
                raise UserError(f"{path}: a grid needs a list of values, and {one.name} has a range; use method: {RANDOM}")
        return dataclasses.replace(space, trials=int(space.combinations))
    if not space.trials:
        raise UserError(f"{path} lacks 'trials', the number of trainings; only method: {GRID} has a number of its own")
    if space.trials > space.combinations:
        raise UserError(
            f"{keys['trials'][1]}: {space.trials} trials of {int(space.combinations)} combinations; use method: {GRID}, which "
            "tries each once, or give a range"
        )
    if space.method == HALVING and space.trials < space.reduction:
        raise UserError(
            f"{keys['trials'][1]}: of {space.trials} trials none can be left behind where one of {space.reduction} goes on; "
            "raise trials, or lower reduction"
        )
    return space


def _parameter(name: str, node: "yaml.Node", place: str, file: str, options_class: type[Options]) -> Parameter:
    import yaml

    field = config_file.named(name, options_class, place)
    declared = info(field)
    if (reason := _ELSEWHERE.get(field.name)) is not None:
        raise UserError(f"{place}: '{name}' cannot be searched: {reason}")
    if declared.refused_because is not None or declared.ignored_because is not None:
        raise UserError(f"{place}: '{name}' cannot be searched: {declared.refused_because or declared.ignored_because}")
    if declared.may_change or declared.multiple:
        raise UserError(f"{place}: '{name}' cannot be searched: it decides no result; give it to the command")
    if isinstance(node, yaml.MappingNode):
        return _range(name, node, place, file, field, options_class)
    if not isinstance(node, yaml.SequenceNode) or len(node.value) < 2:
        raise UserError(f"{place}: '{name}' needs two values or more: {_example(name)}, or {{low: …, high: …}}")
    values = []
    for one in node.value:
        text = scalar_text(one, f"{place}: '{name}' has in its list")
        value = field.default if text is None else _value(options_class, field, text, place)
        if value in values:
            raise UserError(f"{place}: '{name}' has {value} twice; keep one")
        values.append(value)
    return Parameter(field.name, tuple(values))


def _range(
    name: str, node: "yaml.Node", place: str, file: str, field: dataclasses.Field, options_class: type[Options]
) -> Parameter:
    kind = value_type(options_class, field)
    if kind not in (int, float):
        raise UserError(f"{place}: '{name}' is no number, so it has no range; give a list of values")
    words = mapping(node, place, file, f"a range of {name}: low, high and perhaps log: true")
    for word, (_, where) in words.items():
        if word not in _RANGE_KEYS:
            raise UserError(
                f"{where}: unknown word '{word}'.{did_you_mean(word, _RANGE_KEYS)} A range has {', '.join(_RANGE_KEYS)}"
            )
    ends = []
    for word in ("low", "high"):
        if word not in words:
            raise UserError(f"{place}: the range of '{name}' lacks '{word}'")
        text = scalar_text(words[word][0], f"{place}: '{word}' of '{name}' is")
        if text is None:
            raise UserError(f"{place}: '{word}' of '{name}' is null; give a number")
        ends.append(_value(options_class, field, text, place))
    log = _word(*words["log"], "log", tuple(_TRUTHS)) == "true" if "log" in words else False
    low, high = ends
    if not low < high:
        raise UserError(f"{place}: the range of '{name}' must rise; got low {low} and high {high}")
    if log and low <= 0:
        raise UserError(f"{place}: the range of '{name}' has no logarithm: low must be above 0; got {low}")
    return Parameter(field.name, low=low, high=high, log=log, whole=kind is int)


def _value(options_class: type[Options], field: dataclasses.Field, text: str, place: str) -> Any:
    try:
        return config_file.read_value(options_class, field, text)
    except UserError as error:
        raise UserError(f"{place}: {error}") from None


def _word(node: "yaml.Node", place: str, name: str, choices: tuple[str, ...]) -> str:
    text = scalar_text(node, f"{place}: '{name}' is") or "null"
    if text.lower() not in choices:
        raise UserError(f"{place}: '{name}' must be one of {', '.join(choices)}; got '{text}'.{did_you_mean(text, choices)}")
    return text.lower()


def _whole(node: "yaml.Node", place: str, name: str, least: int) -> int:
    text = scalar_text(node, f"{place}: '{name}' is")
    if text is None or not text.isdecimal() or int(text) < least:
        raise UserError(f"{place}: '{name}' must be a whole number from {least}; got {text or 'null'}")
    return int(text)


def _example(name: str) -> str:
    return f"{name}: [1e-5, 3e-5]" if "rate" in name else f"{name}: [2, 3]"
