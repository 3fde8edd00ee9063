"""ALBERT (https://arxiv.org/abs/1909.11942): narrow embeddings, and blocks whose weights are shared."""

from typing import Any

from bert_tf2.models.families.albert.config import AlbertConfig
from bert_tf2.models.families.base import Family, families
from bert_tf2.models.families.names import MASKED_LM, Weight, dense, embeddings, layer_norm, logits
from bert_tf2.models.families.weight_table import WeightTable


def _group(index: int) -> tuple[Weight, ...]:
    """The weights of the block of a group."""
    name = f"bert/encoder/transformer/group_{index}/inner_group_0"
    hugging_face = f"encoder.albert_layer_groups.{index}.albert_layers.0"
    place = ("transformer_layers", str(index))

    def part(
        path: str, theirs: str, *references: str, inputs: str = "hidden_size", outputs: str = "hidden_size"
    ) -> tuple[Weight, ...]:
        return dense(f"{name}/{path}", f"{hugging_face}.{theirs}", inputs, outputs, (*place, *references))

    def norm(path: str, theirs: str, reference: str) -> tuple[Weight, ...]:
        return layer_norm(f"{name}/{path}", f"{hugging_face}.{theirs}", (*place, reference))

    return (
        *part("attention_1/self/query", "attention.query", "attention_layer", "query_dense", outputs="attention_width"),
        *part("attention_1/self/key", "attention.key", "attention_layer", "key_dense", outputs="attention_width"),
        *part("attention_1/self/value", "attention.value", "attention_layer", "value_dense", outputs="attention_width"),
        *part("attention_1/output/dense", "attention.dense", "attention_layer", "output_dense", inputs="attention_width"),
        *norm("LayerNorm", "attention.LayerNorm", "attention_layer_norm"),
        *part("ffn_1/intermediate/dense", "ffn", "intermediate_dense", outputs="intermediate_size"),
        # The TF1 code has the second layer inside the first one's scope.
        *part("ffn_1/intermediate/output/dense", "ffn_output", "output_dense", inputs="intermediate_size"),
        *norm("LayerNorm_1", "full_layer_layer_norm", "output_layer_norm"),
    )


_PROJECTION = dense(
    "bert/encoder/embedding_hidden_mapping_in",
    "encoder.embedding_hidden_mapping_in",
    "embedding_size",
    "hidden_size",
    ("embedding_projection",),
)
_HEADS = (
    *dense("cls/predictions/transform/dense", "predictions.dense", "hidden_size", "embedding_size"),
    *layer_norm("cls/predictions/transform/LayerNorm", "predictions.LayerNorm", width="embedding_size"),
    # Both are read by one or the other of their classes, and have to be equal.
    Weight(MASKED_LM[-1].name, ("vocab_size",), "predictions.bias", copies=("predictions.decoder.bias",)),
    *logits("cls/seq_relationship/", "sop_classifier.classifier"),
)
WEIGHTS = WeightTable(
    embeddings=(*embeddings("embedding_size"), *_PROJECTION),
    block=_group,
    pooler=dense("bert/pooler/dense", "pooler", "hidden_size", "hidden_size", ("pooler_layer",)),
    counts="num_hidden_groups",
    hugging_face="albert.",
    head_names={weight.name: weight for weight in _HEADS},
)


def _build(config: AlbertConfig, *args: Any, **kwargs: Any) -> Any:
    from bert_tf2.models.families.albert.encoder import build_encoder

    return build_encoder(config, *args, **kwargs)


families.register("albert")(Family(AlbertConfig, _build, WEIGHTS))
