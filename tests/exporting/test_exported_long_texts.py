"""What exports without TensorFlow make of long texts is what data preparation makes of them."""

import random

import numpy as np
import pytest

from bert_tf2.exporting.exported_model import ExportedModel
from bert_tf2.exporting.exported_model import pooled as pooled_there
from bert_tf2.tasks.classification.long_texts.model import LOGITS, SCORE, pooled
from bert_tf2.tasks.classification.long_texts.options import POOLINGS
from bert_tf2.tasks.classification.long_texts.rule import TRUNCATED, LongText, pack
from bert_tf2.text.template import bert_template


@pytest.mark.parametrize("rule", [TRUNCATED, LongText("head_tail", 0.3), LongText("windows", None, 3, 4)])
def test_inputs_of_texts_and_pairs(rule):
    template, model = bert_template(101, 102), object.__new__(ExportedModel)
    model.settings, model.facts = {"max_seq_length": 16}, rule.facts
    model.template = {"begin": [101], "between": [102], "end": [102], "segments": [0, 1], "last_segment": None}
    generator, several = random.Random(1), 0
    for _ in range(300):
        first, second = ([1000 * side + number for number in range(generator.randint(1, 30))] for side in (1, 2))
        second = generator.choice([second, []])
        packed = pack(first, second, template, 16, rule)
        if isinstance(packed, str):
            with pytest.raises(ValueError, match="too long to stand whole in each window"):
                model.parts(first, second)
            continue
        rows = [model.packed(*part) for part in model.parts(first, second)]
        segments = [template.segment_ids(begin, len(ids)) for ids, begin in zip(packed.ids, packed.first)]
        assert rows == list(zip(packed.ids, segments))
        several += len(rows) > 1
    assert several > 50 or not rule.has_windows


@pytest.mark.parametrize("pooling", POOLINGS)
def test_pooling(pooling):
    rng = np.random.default_rng(1)
    logits, scores = rng.normal(size=[5, 3]), rng.normal(size=[5, 1])
    expected = pooled({LOGITS: logits, SCORE: scores}, np.ones([1, 5], bool), pooling)[0]
    np.testing.assert_allclose(pooled_there(logits, scores if pooling == "attention" else None, pooling), expected)
