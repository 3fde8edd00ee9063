import garden_checkpoints as garden
import pytest

from bert_tf2.models.families import names
from bert_tf2.models.families.bert.family import WEIGHTS


def test_every_weight_has_one_name_in_each_format():
    weights = [*WEIGHTS.encoder(3), *names.head_weights()]
    assert len({weight.name for weight in weights}) == len({weight.hugging_face for weight in weights}) == len(weights)
    assert len(WEIGHTS.encoder(12)) == 5 + 12 * 16 + 2


def test_heads_are_divided_and_joined_again():
    for weight in WEIGHTS.encoder(1):
        shape = tuple(getattr(garden.CONFIG, field) for field in weight.shape)
        divided = names.garden_shape(weight.name, shape, 2)
        assert names.plain_shape(weight.name, divided) == shape
        assert (len(divided) > len(shape)) == ("/self/" in weight.name or "attention/output/dense/kernel" in weight.name)


@pytest.mark.parametrize("layers", [1, 2, 11])
def test_the_sizes_of_a_configuration_are_told_by_the_shapes(layers):
    fields = ("vocab_size", "hidden_size", "attention_width", "intermediate_size", "max_position_embeddings", "type_vocab_size")
    sizes = {field: 10 + index for index, field in enumerate(fields)}
    shapes = {weight.name: tuple(sizes[field] for field in weight.shape) for weight in WEIGHTS.encoder(layers)}
    assert WEIGHTS.sizes(shapes) == sizes | {"num_hidden_layers": layers}
