"""SavedModels that any kind of task may have: one that takes token ids, as the model garden's, and one that takes raw text."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras

from bert_tf2.models.encoder_parts import INPUT_NAMES
from bert_tf2.tasks.base import Export

Method = Callable[..., dict[str, tf.Tensor]]
Outputs = Callable[[Any], dict[str, tf.Tensor]]
Tokenize = Callable[[tf.Tensor, tf.Tensor | None], dict[str, tf.Tensor]]


class signature:  # noqa: N801
    """Decorates a method of a `tf.Module` that becomes a signature of a SavedModel: its graph is made once for each module.

    TensorFlow makes that of a method with `tf.function` when it is asked for the signature, and again when the module is saved.

    Args:
      inputs: one for each argument.
    """

    def __init__(self, *inputs: tf.TensorSpec):
        self._inputs = inputs

    def __call__(self, method: Method) -> "signature":
        self._method, self._name, self.__doc__ = method, method.__name__, method.__doc__
        return self

    def __get__(self, module: tf.Module | None, owner: type) -> Any:
        if module is None:
            return self
        function = tf.function(self._method.__get__(module), input_signature=self._inputs, autograph=False)
        concrete = function.get_concrete_function()
        # From now on it is found there. To set the attribute would first ask for it.
        vars(module)[self._name] = concrete
        return concrete


def token_ids_export(model: tf_keras.Model, outputs: Outputs, axes: int = 2) -> Export:
    """A SavedModel whose `serving_default` takes the three int32 [-1, -1] tensors of the model garden's signature.

    Args:
      model: maps the encoder's inputs to the head's outputs.
      outputs: names what the model gives, for example `{"sentence_prediction": logits}`.
      axes: how many the tensors have; of examples that are several inputs 3, and an input that is not there is a row of zeros.
    """
    module = _TokenIdsModule(model, outputs, axes)
    return Export(module, {"serving_default": module.serve}, "token ids in, logits out")


def text_export(
    model: tf_keras.Model,
    tokenize: Tokenize,
    outputs: Outputs,
    has_pairs: bool | None = None,
    says: str = "raw text in, labels and probabilities out",
) -> Export:
    """A SavedModel that takes raw text: `serving_default` one string [-1] `text`, `pairs` also `text_b`.

    The signatures are such as the training's texts: with single texts there is no `pairs`, and with pairs `serving_default` takes
    them too.

    A program that loads it imports `tensorflow_text` first: the tokenizer in the graph is made of its operations.

    Args:
      model: maps the encoder's inputs to the head's outputs.
      tokenize: a `tf.Module` from texts to the encoder's inputs, such as `bert_tf2.text.in_graph.InGraphTokenizer`.
      outputs: names what the model gives, for example label names and probabilities.
      has_pairs: whether the model was trained on pairs; None where that is not known.
      says: what it takes and gives, for the log.
    """
    made_of: dict[bool | None, type[_TextModule]] = {False: _SingleTexts, True: _Pairs, None: _TextsAndPairs}
    module = made_of[has_pairs](model, tokenize, outputs)
    signatures = {"serving_default": module.serve_pairs if has_pairs else module.serve}
    if has_pairs is not False:
        signatures["pairs"] = module.serve_pairs
    return Export(module, signatures, says)


def with_a_column(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """The inputs of the encoder, [0, 0] as [0, 1]: no texts have no longest one, but the encoder looks at the first token. Of
    several inputs to an example, [0, 0, 0] as [0, 1, 1]."""
    shape = tf.shape(inputs[INPUT_NAMES[0]])
    missing = tf.cast(tf.reduce_all(shape == 0), tf.int32)
    return {name: tf.pad(value, [[0, 0], *[[0, missing]] * (value.shape.rank - 1)]) for name, value in inputs.items()}


def bare(model: tf_keras.Model) -> tf.Module:
    """The variables of a model under the names that its checkpoints have, without its layers.

    A SavedModel that held the layers would hold every layer's functions besides, and take far longer to write and to load.
    """
    view, nodes = tf.train.TrackableView(model), {}

    def copied(one: Any) -> Any:
        if isinstance(one, tf.Variable):
            return one
        if id(one) not in nodes:
            nodes[id(one)] = node = tf.Module()
            for name, child in view.children(one).items():
                setattr(node, name, copied(child))
        return nodes[id(one)]

    return copied(model)


class _TokenIdsModule(tf.Module):
    def __init__(self, model: tf_keras.Model, outputs: Outputs, axes: int):
        super().__init__()
        self.model = bare(model)

        def serve(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            return outputs(model(with_a_column(dict(zip(INPUT_NAMES, inputs))), training=False))

        inputs = [tf.TensorSpec([None] * axes, tf.int32, name=name) for name in INPUT_NAMES]
        self.serve = tf.function(serve, autograph=False).get_concrete_function(*inputs)


class _TextModule(tf.Module):
    def __init__(self, model: tf_keras.Model, tokenize: Tokenize, outputs: Outputs):
        super().__init__()
        self.model = bare(model)
        self.tokenize = tokenize
        self._outputs = lambda inputs: outputs(model(with_a_column(inputs), training=False))


class _SingleTexts(_TextModule):
    @signature(tf.TensorSpec([None], tf.string, name="text"))
    def serve(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._outputs(self.tokenize(text, None))


class _Pairs(_TextModule):
    @signature(*(tf.TensorSpec([None], tf.string, name=name) for name in ("text", "text_b")))
    def serve_pairs(self, text: tf.Tensor, text_b: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._outputs(self.tokenize(text, text_b))


class _TextsAndPairs(_SingleTexts, _Pairs):
    """Both."""
