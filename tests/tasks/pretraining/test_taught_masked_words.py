"""The pre-training task after a teacher, beside NumPy's figures of what transformers computes with the same weights."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from bert_tf2.models.checkpoints.convert import convert
from bert_tf2.models.checkpoints.loading import load_encoder_weights
from bert_tf2.models.checkpoints.source import Source, StoredTensor
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder
from bert_tf2.models.families.base import families
from bert_tf2.models.families.names import HEADS
from bert_tf2.tasks.pretraining.task import PretrainingTask
from bert_tf2.training.distillation.task import DistilledTask, Losses
from bert_tf2.training.distillation.teachers import TeacherInStep
from bert_tf2.training.gradients import model_inputs

WEIGHTS = np.array([[1, 1, 1], [1, 0, 0], [1, 1, 0], [1, 1, 1]], np.float32)
MASK = np.array([[1] * 8, [1] * 5 + [0] * 3, [1] * 7 + [0], [1] * 6 + [0] * 2], np.int32)
EXAMPLES = np.array([1.0, 1.0, 1.0, 0.0], np.float32)
ALPHA, TEMPERATURE = 0.7, 2.5


def config_of(layers: int) -> BertConfig:
    return BertConfig(
        vocab_size=30,
        hidden_size=8,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=8,
        type_vocab_size=2,
    )


def batch_of() -> dict[str, tf.Tensor]:
    random = np.random.default_rng(3)
    known = {
        "input_word_ids": random.integers(1, 30, MASK.shape) * MASK,
        "input_mask": MASK,
        "input_type_ids": random.integers(0, 2, MASK.shape) * MASK,
        "masked_lm_positions": np.array([[1, 3, 7], [2, 0, 0], [1, 6, 0], [2, 3, 4]]),
        "masked_lm_ids": random.integers(1, 30, WEIGHTS.shape),
        "next_sentence_labels": random.integers(0, 2, len(MASK)),
    }
    batch = {name: tf.constant(value, tf.int32) for name, value in known.items()}
    return batch | {"masked_lm_weights": tf.constant(WEIGHTS), "example_weight": tf.constant(EXAMPLES)}


def pretrained(folder, layers: int, seed: int):
    """A model of ours and one of transformers with the same random weights."""
    from safetensors.numpy import load_file
    from transformers import AutoConfig, TFBertForPreTraining
    from transformers.modeling_tf_pytorch_utils import load_pytorch_state_dict_in_tf2_model

    rng, config, family = np.random.default_rng(seed), config_of(layers), families.get("bert")
    heads = ("masked_lm", "next_sentence")
    tensors = {}
    for weight in (*family.weights.encoder(layers), *(one for head in heads for one in HEADS[head].weights)):
        shape = [2 if field is None else getattr(config, field) for field in weight.shape]
        array = rng.normal(0.0, 0.3, shape).astype(np.float32) + weight.name.endswith("gamma")
        tensors[weight.name] = StoredTensor(weight.name, array.shape, lambda array=array: array)
    convert(Source("tf1", "memory", tensors, family=family), config, str(folder), "huggingface")
    encoder = build_encoder(config, for_pretraining=True)
    task = PretrainingTask(config, gives_logits=True)
    model = task.build_model(encoder)
    load_encoder_weights(encoder, str(folder), config, head_model=model)
    theirs = TFBertForPreTraining(AutoConfig.from_pretrained(folder))
    state = load_file(f"{folder}/model.safetensors")
    return task, model, load_pytorch_state_dict_in_tf2_model(theirs, state, allow_missing_keys=True)


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """The task, a student of one layer and a teacher of two, ours and transformers' of each."""
    folder = tmp_path_factory.mktemp("folders")
    task, student, their_student = pretrained(folder / "student", 1, seed=1)
    _, teacher, their_teacher = pretrained(folder / "teacher", 2, seed=2)
    return task, student, teacher, their_student, their_teacher


def computed_by(theirs, batch):
    """Logits of the predictions, of the pairs, and the last layer's vectors."""
    found = theirs(
        {"input_ids": batch["input_word_ids"], "attention_mask": MASK, "token_type_ids": batch["input_type_ids"]},
        output_hidden_states=True,
    )
    words = np.take_along_axis(found.prediction_logits.numpy(), batch["masked_lm_positions"].numpy()[..., np.newaxis], axis=1)
    return words, found.seq_relationship_logits.numpy(), found.hidden_states[-1].numpy()


def divergences(wanted, given):
    return TEMPERATURE**2 * scipy.stats.entropy(
        scipy.special.softmax(wanted / TEMPERATURE, axis=-1), scipy.special.softmax(given / TEMPERATURE, axis=-1), axis=-1
    )


@pytest.mark.parametrize("dtype", ["plain", "compiled"])
def test_the_loss_is_distilberts(taught, dtype):
    """Soft targets with a temperature, the labels' cross-entropies and the cosines of the last layer's vectors."""
    task, student, teacher, *theirs = taught
    batch, losses = batch_of(), Losses(alpha=ALPHA, temperature=TEMPERATURE, cosine=0.4)
    (words, pairs, hidden), (wanted, wanted_pairs, wanted_hidden) = (computed_by(one, batch) for one in theirs)
    weights = WEIGHTS * EXAMPLES[:, np.newaxis]
    of_words = np.take_along_axis(scipy.special.log_softmax(words, -1), batch["masked_lm_ids"].numpy()[..., np.newaxis], -1)[
        ..., 0
    ]
    labels = -(of_words * weights).sum() / weights.sum()
    of_pairs = scipy.special.log_softmax(pairs, -1)[np.arange(len(MASK)), batch["next_sentence_labels"].numpy()]
    labels += -(of_pairs * EXAMPLES).sum() / EXAMPLES.sum()
    soft = (divergences(wanted, words) * weights).sum() / weights.sum()
    soft += (divergences(wanted_pairs, pairs) * EXAMPLES).sum() / EXAMPLES.sum()
    tokens = MASK * EXAMPLES[:, np.newaxis]
    cosines = (hidden * wanted_hidden).sum(-1) / np.linalg.norm(hidden, axis=-1) / np.linalg.norm(wanted_hidden, axis=-1)
    cosine = ((1 - cosines) * tokens).sum() / tokens.sum()

    distilled = DistilledTask(task, losses, TeacherInStep(teacher, observes=True))

    def found(batch):
        outputs = distilled.training_outputs(student, model_inputs(student, batch), batch, training=False)
        return distilled.loss(outputs, batch, distilled.loss_denominators(batch)), distilled.measures(outputs, batch)

    loss, measures = (tf.function(found, jit_compile=True) if dtype == "compiled" else found)(batch)
    assert float(loss) == pytest.approx((1 - ALPHA) * labels + ALPHA * soft + 0.4 * cosine, rel=1e-4)
    metrics = distilled.metrics_of_sums({name: float(value) for name, value in measures.items()})
    assert metrics["soft_loss"] == pytest.approx(soft, rel=1e-4)
    assert metrics["cosine_loss"] == pytest.approx(cosine, rel=1e-4)
    assert metrics["masked_lm_loss"] + metrics["next_sentence_loss"] == pytest.approx(labels, rel=1e-4)


def test_shares_of_a_batch_and_their_measures_sum_up(taught):
    task, student, teacher, *_ = taught
    losses = Losses(alpha=ALPHA, temperature=TEMPERATURE, hidden=1.0, attention=1.0, minilm=1.0, layers=((0, 1),))
    distilled, batch = DistilledTask(task, losses, TeacherInStep(teacher, observes=True)), batch_of()
    denominators = distilled.loss_denominators(batch)

    def found(part):
        outputs = distilled.training_outputs(student, model_inputs(student, part), part, training=False)
        loss = distilled.loss(outputs, part, denominators)
        return {"loss": float(loss)} | {name: float(value) for name, value in distilled.measures(outputs, part).items()}

    whole = found(batch)
    parts = [found({name: value[rows] for name, value in batch.items()}) for rows in (slice(1), slice(1, 4))]
    assert {name: sum(part[name] for part in parts) for name in whole} == pytest.approx(whole, rel=1e-4)
    assert distilled.metrics_of_sums(whole)["attention_loss"] == pytest.approx(whole["attention_loss"], rel=1e-5)


def test_a_teacher_of_masked_words_alone_says_nothing_of_pairs(taught):
    task, student, teacher, *_ = taught
    batch = batch_of()
    inputs = model_inputs(student, batch)
    mine, other = student(inputs), teacher(inputs)
    without = {name: value for name, value in other.items() if name != "classification"}
    denominators = task.loss_denominators(batch)
    whole, of_words = (float(task.soft_loss(mine, one, batch, denominators, 1.0)) for one in (other, without))
    pairs = scipy.stats.entropy(*(scipy.special.softmax(one["classification"], -1) for one in (other, mine)), axis=-1)
    assert whole - of_words == pytest.approx((pairs * EXAMPLES).sum() / EXAMPLES.sum(), rel=1e-3)


def test_giving_logits_changes_neither_losses_nor_gradients(taught):
    task, student, *_ = taught
    plain = PretrainingTask(config_of(1))
    other = plain.build_model(build_encoder(config_of(1), for_pretraining=True))
    other.set_weights(student.get_weights())
    batch, gradients = batch_of(), []
    for one, model in ((task, student), (plain, other)):
        with tf.GradientTape() as tape:
            outputs = model(model_inputs(model, batch))
            loss = one.loss(outputs, batch, one.loss_denominators(batch))
        gradients.append([tf.convert_to_tensor(value) for value in tape.gradient(loss, model.trainable_variables)])
    assert "masked_lm_logits" not in outputs
    for mine, expected in zip(*gradients, strict=True):
        np.testing.assert_allclose(mine, expected, atol=1e-6)
