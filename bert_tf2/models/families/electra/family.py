"""ELECTRA (https://arxiv.org/abs/2003.10555): BERT's blocks on narrower embeddings, trained to tell replaced tokens."""

import dataclasses
from typing import Any

from bert_tf2.models.families.base import REPLACED_TOKENS, Companion, Family, families
from bert_tf2.models.families.bert.family import bert_block
from bert_tf2.models.families.electra import generator
from bert_tf2.models.families.electra.config import ElectraConfig
from bert_tf2.models.families.names import (
    CLASSIFIER,
    MASKED_LM,
    NEXT_SENTENCE,
    Head,
    Weight,
    dense,
    embeddings,
    layer_norm,
    pooler,
    register_head,
    renamed,
    without_name,
)
from bert_tf2.models.families.weight_table import WeightTable

register_head(
    Head(
        "discriminator",
        "discriminator's head",
        (
            *dense("discriminator_predictions/dense", "discriminator_predictions.dense", "hidden_size", "hidden_size"),
            *dense("discriminator_predictions/dense_1", "discriminator_predictions.dense_prediction", "hidden_size", "one"),
        ),
        {
            f"discriminator_predictions/{name}/{part}": ("discriminator_head", layer, part)
            for name, layer in (("dense", "dense"), ("dense_1", "dense_prediction"))
            for part in ("kernel", "bias")
        },
    )
)
_POOLER = pooler("")
_HEADS = (
    *dense("cls/predictions/transform/dense", "generator_predictions.dense", "hidden_size", "embedding_size"),
    *layer_norm("cls/predictions/transform/LayerNorm", "generator_predictions.LayerNorm", width="embedding_size"),
    Weight(MASKED_LM[-1].name, ("vocab_size",), "generator_lm_head.bias"),
    *without_name(NEXT_SENTENCE),
)
_GENERATOR_HEAD = {"cls/predictions/transform/": "generator_predictions/", "cls/predictions/": "generator_predictions/"}
WEIGHTS = WeightTable(
    embeddings=embeddings("embedding_size"),
    projection=dense("bert/embeddings_project", "embeddings_project", "embedding_size", "hidden_size", ("embedding_projection",)),
    block=bert_block,
    pooler=_POOLER,
    counts="num_hidden_layers",
    hugging_face="electra.",
    head_names={weight.name: weight for weight in _HEADS},
    by_kind={
        "classifier": renamed(_POOLER, "classifier.dense") | renamed(CLASSIFIER, "classifier.out_proj"),
        "multiple_choice": renamed(_POOLER, "sequence_summary.summary"),
    },
    tf1={"bert/": "electra/", **_GENERATOR_HEAD},
)
GENERATOR_WEIGHTS = dataclasses.replace(
    WEIGHTS, tf1={"bert/embeddings/": "electra/embeddings/", "bert/": "generator/", **_GENERATOR_HEAD}, pooler=()
)


def _build(config: ElectraConfig, *args: Any, **kwargs: Any) -> Any:
    from bert_tf2.models.encoder import build_encoder
    from bert_tf2.models.encoder_parts import Parts

    # The head of `transformers` for classification: dropout, a layer with gelu, dropout, logits.
    parts = Parts(pooler_activation="gelu_exact", pooler_dropout=config.hidden_dropout_prob)
    return build_encoder(config, *args, **kwargs | {"parts": parts})


families.register("electra")(
    Family(
        ElectraConfig,
        _build,
        WEIGHTS,
        objective=REPLACED_TOKENS,
        companions={generator.NAME: Companion(GENERATOR_WEIGHTS, ("masked_lm",), generator.config_told_by)},
    )
)
