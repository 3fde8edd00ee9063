"""A family of encoders, and the table of all families: what configurations, checkpoints and models are looked up by."""

import dataclasses
import functools
import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Collection, Mapping
from typing import Any

from bert_tf2.errors import UserError, did_you_mean
from bert_tf2.models import families as package
from bert_tf2.models.config import BertConfig, config_in
from bert_tf2.models.config_forms import model_named_in
from bert_tf2.models.families.names import HEADS
from bert_tf2.models.families.weight_table import WeightTable
from bert_tf2.registry import Registry

BERT = "bert"
MASKED_LM, REPLACED_TOKENS = "masked_lm", "replaced_tokens"
"""What encoders are pre-trained to do: to guess masked tokens; to tell tokens that a generator replaced."""


@dataclasses.dataclass(frozen=True)
class Companion:
    """An encoder that lies beside those of a family in checkpoints of their pre-training, as ELECTRA's generator.

    Attributes:
      weights: what its weights are called.
      heads: the kinds of heads that stand on it, and not on the encoder beside it.
      config: its configuration, from the family's and the sizes that its weights tell (`WeightTable.sizes`, and
        `num_attention_heads` where that is known).
    """

    weights: WeightTable
    heads: tuple[str, ...]
    config: Callable[[Any, Mapping[str, int]], BertConfig]

    @property
    def head_names(self) -> set[str]:
        """The names of its heads' weights."""
        return {weight.name for kind in self.heads for weight in HEADS[kind].weights}


@dataclasses.dataclass(frozen=True)
class Family:
    """A family of encoders, registered by the name that `config.json` calls its models by:

        families.register("albert")(Family(...))

    Its module is imported to read configurations, so it imports no framework at its top.

    Attributes:
      config: class of its configurations: a frozen dataclass that is a `BertConfig` or has all of its fields.
      build: makes an encoder of a configuration, with arguments and results of `bert_tf2.models.encoder.build_encoder`.
      weights: what its weights are called.
      objective: what its encoders are pre-trained to do.
      companions: what else its checkpoints may hold, by name.
      name: set when it is registered.
    """

    config: type[BertConfig]
    build: Callable[..., Any]
    weights: WeightTable
    objective: str = MASKED_LM
    companions: Mapping[str, Companion] = dataclasses.field(default_factory=dict)
    name: str = ""

    @property
    def title(self) -> str:
        """What a person calls it."""
        return self.config.form.title


class Families(Registry[Family]):
    """All families: those of the folders beside this file that hold a `family.py`, and what outside code registers."""

    def __init__(self) -> None:
        super().__init__("family of encoders", "bert_tf2.families")
        self._found = False

    def adapted(self, name: str, plugin: Any) -> Family:
        """The family, which knows its name.

        Raises:
          UserError: it is none.
        """
        if not isinstance(plugin, Family):
            raise UserError(f"the family of encoders '{name}' must be a bert_tf2.models.families.base.Family; got {plugin!r}")
        return dataclasses.replace(plugin, name=name, build=_as_written(plugin.build))

    def load(self) -> None:
        """Imports the families of the package and of installed packages, once."""
        if not self._found:
            self._found = True
            for module in pkgutil.iter_modules(package.__path__):
                name = f"{package.__name__}.{module.name}.family"
                if module.ispkg and importlib.util.find_spec(name) is not None:
                    importlib.import_module(name)
        super().load()

    def all(self) -> list[Family]:
        """All of them, BERT first."""
        names = sorted(self.names(), key=lambda name: (name != BERT, name))
        return [self.get(name) for name in names]


families = Families()


def _as_written(build: Callable[..., Any]) -> Callable[..., Any]:
    """The same without AutoGraph, which would read the source of every layer, and find nothing to do, at every start."""

    @functools.wraps(build)
    def built(*args: Any, **kwargs: Any) -> Any:
        import tensorflow as tf

        return tf.autograph.experimental.do_not_convert(build)(*args, **kwargs)

    return built


def family_of(config: BertConfig) -> Family:
    """The family that a configuration is of.

    Raises:
      UserError: none has such configurations.
    """
    found = [family for family in families.all() if type(config) is family.config]
    if not found:
        raise UserError(f"no family of encoders has configurations of the kind {type(config).__name__}")
    return found[0]


def families_of(found: Mapping[str, Collection[str]], blocks: int) -> list[Family]:
    """The families that explain best an encoder of so many blocks, BERT first.

    There is more than one where their encoders differ in nothing but what is computed, as BERT's and RoBERTa's.

    Args:
      found: by family the names of its weights that were found there.
      blocks: of the encoder.
    """
    ranks = {family.name: family.weights.rank(found[family.name], blocks) for family in families.all()}
    return [family for family in families.all() if ranks[family.name] == max(ranks.values())]


def read_config(path: str) -> BertConfig:
    """Reads the configuration of an encoder of any family: Google's `bert_config.json`, Hugging Face's `config.json`.

    Raises:
      UserError: the file is missing, is not JSON, is of no known family, or holds an unknown key or a wrong value; the message
        names the file.
    """
    return config_in(path, config_of)


def config_of(values: Mapping[str, Any]) -> BertConfig:
    """The configuration that a JSON object holds, of whatever family.

    Raises:
      UserError: it is of no known family, a key is unknown, or a value cannot be.
    """
    known = families.all()
    title, why = model_named_in(values, [family.config.form for family in known])
    family = next((family for family in known if family.title == title), None)
    if family is None:
        hint = did_you_mean(title, [name for family in known for name in family.config.form.model_types], cutoff=0.85)
        raise UserError(
            f"this is the configuration of another model, {title} ({why}).{hint} Known here are the encoders of "
            f"{', '.join(family.title for family in known)}: give the configuration of one of them with its checkpoint"
        )
    return family.config.from_dict(dict(values))
