"""RoBERTa (https://arxiv.org/abs/1907.11692): BERT's network, whose positions begin behind the padding's."""

from typing import Any

from bert_tf2.models.families.base import Family, families
from bert_tf2.models.families.bert.family import bert_block
from bert_tf2.models.families.names import (
    CLASSIFIER,
    MASKED_LM,
    NEXT_SENTENCE,
    POOLER,
    Weight,
    dense,
    embeddings,
    layer_norm,
    renamed,
    without_name,
)
from bert_tf2.models.families.roberta.config import RobertaConfig
from bert_tf2.models.families.weight_table import WeightTable

_HEADS = (
    *dense("cls/predictions/transform/dense", "lm_head.dense", "hidden_size", "hidden_size"),
    *layer_norm("cls/predictions/transform/LayerNorm", "lm_head.layer_norm"),
    Weight(MASKED_LM[-1].name, ("vocab_size",), "lm_head.bias"),
    *without_name(NEXT_SENTENCE),
)
WEIGHTS = WeightTable(
    embeddings=embeddings("hidden_size"),
    block=bert_block,
    pooler=POOLER,
    counts="num_hidden_layers",
    hugging_face="roberta.",
    head_names={weight.name: weight for weight in _HEADS},
    by_kind={"classifier": renamed(POOLER, "classifier.dense") | renamed(CLASSIFIER, "classifier.out_proj")},
    tf1=None,
)


def _build(config: RobertaConfig, *args: Any, **kwargs: Any) -> Any:
    from bert_tf2.models.encoder import build_encoder
    from bert_tf2.models.encoder_parts import Parts

    # The head of `transformers` for classification: dropout, a layer with tanh, dropout, logits.
    parts = Parts(first_position=config.first_position, pooler_dropout=config.hidden_dropout_prob)
    return build_encoder(config, *args, **kwargs | {"parts": parts})


families.register("roberta")(Family(RobertaConfig, _build, WEIGHTS))
