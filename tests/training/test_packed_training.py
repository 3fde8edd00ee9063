"""Training on packs: for every kind the losses, weights and moments of the same batches unpacked, in one shape."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from bert_tf2.data.batches.packed_plan import PackedPlan
from bert_tf2.data.batches.pipeline import Padding, distributed_batches
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.data.records.record_writer import RecordWriter
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder
from bert_tf2.tasks.classification.multi_label_task import MultiLabelTask
from bert_tf2.tasks.classification.task import ClassificationTask, RegressionTask
from bert_tf2.tasks.multiple_choice.task import MultipleChoiceTask
from bert_tf2.tasks.pretraining.task import PretrainingTask
from bert_tf2.tasks.question_answering.decoding import DecodingOptions
from bert_tf2.tasks.question_answering.task import SpanTask
from bert_tf2.tasks.tagging.task import TaggingTask
from bert_tf2.tensorflow_internals import create_slots
from bert_tf2.training.optimization import create_optimizer
from bert_tf2.training.schedules import WarmUpThenDecay
from bert_tf2.training.train_step import TrainStep
from bert_tf2.training.trainer import Trainer
from bert_tf2.training.trainer_config import TrainerConfig

SLOTS, BATCH, ROWS = 16, 8, 21
STEPS = -(-ROWS // BATCH) + 1
CONFIG = BertConfig(
    vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, max_position_embeddings=16,
    hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, initializer_range=0.2,
)  # fmt: skip
TAGS = ["O", "B-X", "I-X"]
KINDS = {
    "classification": lambda: ClassificationTask(["no", "yes"], dropout_rate=0.0, has_sample_weights=True),
    "regression": lambda: RegressionTask(dropout_rate=0.0),
    "multi_label": lambda: MultiLabelTask(["a", "b", "c"], dropout_rate=0.0),
    "squad": lambda: SpanTask(DecodingOptions()),
    "tagging": lambda: TaggingTask(TAGS, "IOB2", dropout_rate=0.0),
    "tagging_crf": lambda: TaggingTask(TAGS, "IOB2", use_crf=True, dropout_rate=0.0),
}


def written(path, task, rows=ROWS):
    """Records of random values that fit a task."""
    random = np.random.default_rng(4)
    with RecordWriter(str(path), task.features) as writer:
        for row in range(rows):
            length = int(random.integers(2, 12))
            labels = {
                "input_ids": random.integers(1, 50, length).tolist(),
                "input_mask": [1] * length,
                "segment_ids": random.integers(0, 2, length).tolist(),
                "weight": float(random.uniform(0.5, 2)),
                "example_id": row,
                "start_positions": int(random.integers(0, length)),
                "end_positions": int(random.integers(0, length)),
                "unique_ids": row,
                "is_impossible": 0,
                "is_real_example": 1,
                "sentence_id": row,
                "sub_sentence_id": 0,
                "words": [],
                "text": "",
                "word_begins": [],
                "word_ends": [],
            }
            for spec in task.features:
                if spec.name == "label_ids":
                    of_shape = {
                        (): float(random.random()) if spec.dtype == "float32" else int(random.integers(0, 2)),
                        ("labels",): random.integers(0, 2, 3).tolist(),
                        ("tokens",): [-1, *random.integers(-1, 3, length - 1).tolist()],
                    }
                    labels["label_ids"] = of_shape[spec.shape]
            writer.write({spec.name: labels[spec.name] for spec in task.features})
    return RecordSet.open(str(path), task.features)


class Trained:
    """Some steps of a small BERT, and what they left."""

    def __init__(self, task, records, packs, accumulation_steps=1, config=CONFIG, steps=STEPS, **options):
        tf_keras.utils.set_random_seed(1)
        self.traces = []
        loss = task.loss
        task.loss = lambda *arguments: (self.traces.append(1), loss(*arguments))[1]
        model = task.build_model(build_encoder(config, output_range=task.output_range))
        optimizer = create_optimizer(WarmUpThenDecay(0.01, 20, warmup_steps=2))
        create_slots(optimizer, model.trainable_variables)
        plan = PackedPlan(records.lengths, BATCH, 3, SLOTS, accumulation_steps)
        shape = plan.pack_shape(steps)
        padding = Padding({"tokens": SLOTS}, full_batches=True, packs=shape if packs else None)
        strategy = tf.distribute.get_strategy()
        self.batches = distributed_batches(strategy, records, plan, 0, padding, accumulation_steps)
        step = TrainStep(task, model, optimizer, strategy, seed=5, accumulation_steps=accumulation_steps, **options)
        iterator = iter(self.batches)
        results = [step.run(iterator, number, 1) for number in range(steps)]
        self.losses = [float(result.loss_sum) for result in results]
        step.give(moments=True)
        self.weights = {variable.name: variable.numpy() for variable in model.trainable_variables}
        self.moments = {
            f"{name} of {variable.name}": optimizer.get_slot(variable, name).numpy()
            for variable in model.trainable_variables
            for name in ("m", "v")
        }
        self.shape = shape


def require_equal(one, other):
    np.testing.assert_allclose(one.losses, other.losses, rtol=5e-5)
    for found, expected, tolerance in ((one.moments, other.moments, 1e-5), (one.weights, other.weights, 2e-4)):
        for name in expected:
            np.testing.assert_allclose(found[name], expected[name], atol=tolerance, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_packed_equals_unpacked(tmp_path, kind):
    records = written(tmp_path / "records", KINDS[kind]())
    packed, unpacked = (Trained(KINDS[kind](), records, packs) for packs in (True, False))
    require_equal(packed, unpacked)
    assert packed.shape.packs < BATCH
    assert all(np.isfinite(packed.losses))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["classification", "squad"])
def test_compiled_and_in_parts(tmp_path, kind):
    # Of three blocks a classifier's first two are a loop, of a span labeler's all.
    config = BertConfig.from_dict({**CONFIG.to_dict(), "num_hidden_layers": 3})
    records = written(tmp_path / "records", KINDS[kind]())
    unpacked = Trained(KINDS[kind](), records, False, config=config)
    compiled = Trained(KINDS[kind](), records, True, config=config, enable_xla=True)
    require_equal(compiled, unpacked)
    parts = Trained(KINDS[kind](), records, True, 2, config=config, enable_xla=kind == "squad")
    require_equal(parts, unpacked)
    # The last batch of an epoch is smaller, and is computed by the same code.
    assert len(compiled.traces) == 1
    assert all(None not in spec.shape for spec in compiled.batches.element_spec.values())


@pytest.mark.slow
def test_dropout_decides_alike_when_compiled(tmp_path):
    task = KINDS["classification"]()
    config = BertConfig.from_dict({**CONFIG.to_dict(), "hidden_dropout_prob": 0.3, "attention_probs_dropout_prob": 0.3})
    records = written(tmp_path / "records", task)
    runs = [Trained(KINDS["classification"](), records, True, config=config, **options) for options in ({}, {"enable_xla": True})]
    np.testing.assert_allclose(runs[0].losses, runs[1].losses, rtol=1e-4)


def test_resumes_bit_for_bit(tmp_path):
    task = KINDS["classification"]()
    config = BertConfig.from_dict({**CONFIG.to_dict(), "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1})
    records = written(tmp_path / "records", task)

    def train(name, evaluate=None):
        tf_keras.utils.set_random_seed(1)
        model = task.build_model(build_encoder(config, output_range=1))
        optimizer = create_optimizer(WarmUpThenDecay(0.01, 8, warmup_steps=2))
        trainer_config = TrainerConfig(
            model_dir=str(tmp_path / name), train_steps=8, seed=7, save_checkpoints_steps=2, eval_every_steps=5
        )
        plan = PackedPlan(records.lengths, BATCH, 3, SLOTS)
        padding = Padding({"tokens": SLOTS}, full_batches=True, packs=plan.pack_shape(8))
        trainer = Trainer(task, model, optimizer, tf.distribute.get_strategy(), trainer_config)
        trainer.train(records, plan, evaluate or (lambda model: {"accuracy": 0.0}), padding)
        return model.get_weights()

    class Died(Exception):
        pass

    def dies(model):
        raise Died

    expected = train("whole")
    with pytest.raises(Died):
        train("run", dies)
    for found, wanted in zip(train("run"), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_which_kinds_can():
    assert [KINDS[kind]().why_not_packed() for kind in KINDS] == [None] * len(KINDS)
    assert MultipleChoiceTask().why_not_packed() == "an example of this kind is more than one input (choices, tokens)"
    assert "before it begins" in PretrainingTask(CONFIG).why_not_packed()
    task = KINDS["classification"]()
    task.output_range = 2
    assert task.why_not_packed() == "this kind looks at the first 2 tokens of an example"
