import dataclasses

import garden_checkpoints as garden
import numpy as np
import pytest

from bert_tf2.errors import UserError
from bert_tf2.models.checkpoints import convert, pruning
from bert_tf2.models.checkpoints.loading import check_fits
from bert_tf2.models.checkpoints.source import Source, StoredTensor
from bert_tf2.models.config import BertConfig
from bert_tf2.models.families.base import families

CONFIG = dataclasses.replace(garden.CONFIG, num_hidden_layers=3, num_attention_heads=4, hidden_size=16, intermediate_size=6)
ALL_HEADS, ALL_NEURONS = tuple(range(4)), tuple(range(6))


@pytest.fixture
def source():
    """An encoder whose every number is different."""
    tensors, first = {}, 0
    for weight in families.get("bert").weights.of(CONFIG):
        shape = tuple(getattr(CONFIG, field) for field in weight.shape)
        array = np.arange(first, first + np.prod(shape), dtype=np.float32).reshape(shape)
        first += array.size
        tensors[weight.name] = StoredTensor(weight.name, shape, lambda array=array: array)
    return Source("tf2", "memory", tensors, num_attention_heads=4, family=families.get("bert"))


def test_layers_move_up(source):
    kept = pruning.Kept((0, 2), (ALL_HEADS,) * 2, (ALL_NEURONS,) * 2)
    part, config = pruning.pruned(source, CONFIG, kept)
    assert config == dataclasses.replace(CONFIG, num_hidden_layers=2)
    assert list(part.tensors) == [weight.name for weight in families.get("bert").weights.of(config)]
    for name, tensor in part.tensors.items():
        former = name.replace("layer_1/", "layer_2/")
        np.testing.assert_array_equal(tensor.read(), source.tensors[former].read(), name)


def test_each_layer_keeps_its_own_heads_and_neurons(source):
    kept = pruning.Kept((0, 1, 2), ((0,), (3,), (2,)), ((0, 5), (1, 2), (3, 4)))
    part, config = pruning.pruned(source, CONFIG, kept)
    assert config == dataclasses.replace(CONFIG, num_attention_heads=1, attention_head_size=4, intermediate_size=2)
    check_fits(part, config)
    query, output = (f"bert/encoder/layer_1/{name}/kernel" for name in ("attention/self/query", "output/dense"))
    np.testing.assert_array_equal(part.tensors[query].read(), source.tensors[query].read()[:, 12:])
    np.testing.assert_array_equal(part.tensors[output].read(), source.tensors[output].read()[1:3])
    bias = "bert/encoder/layer_2/intermediate/dense/bias"
    np.testing.assert_array_equal(part.tensors[bias].read(), source.tensors[bias].read()[[3, 4]])


def test_transformers_cannot_have_fewer_heads_of_the_same_width(source, tmp_path):
    kept = pruning.Kept((0, 1, 2), ((0,),) * 3, (ALL_NEURONS,) * 3)
    with pytest.raises(UserError, match="1 of 4 left after others were pruned; give --to=tf2"):
        convert.convert(*pruning.pruned(source, CONFIG, kept), str(tmp_path / "folder"), "huggingface")


def test_a_head_size_is_written_where_it_is_one_of_its_own():
    assert "attention_head_size" not in CONFIG.to_dict()
    small = dataclasses.replace(CONFIG, num_attention_heads=3, attention_head_size=4)
    assert BertConfig.from_dict(small.to_dict()) == small
    assert (small.head_size, small.attention_width) == (4, 12)
    with pytest.raises(UserError, match="attention_head_size must be a whole number from 1; got 0"):
        BertConfig.from_dict(CONFIG.to_dict() | {"attention_head_size": 0})
