"""ELECTRA's objective: what generator and discriminator are shown, what is drawn, the losses, the gradients, the metrics."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from bert_tf2.errors import UserError
from bert_tf2.models.dropout import dropout_seed
from bert_tf2.models.families.base import config_of, family_of
from bert_tf2.models.families.electra.generator import generator_config
from bert_tf2.tasks.pretraining.replaced_tokens import token_sums
from bert_tf2.tasks.pretraining.replaced_tokens.corruption import Chosen, Corruption
from bert_tf2.tasks.pretraining.replaced_tokens.draws import RowDraws, drawn_tokens
from bert_tf2.tasks.pretraining.replaced_tokens.options import ReplacedTokenOptions
from bert_tf2.tasks.pretraining.replaced_tokens.task import ReplacedTokenTask
from bert_tf2.tensorflow_internals import create_slots
from bert_tf2.training.optimization import create_optimizer
from bert_tf2.training.schedules import WarmUpThenDecay
from bert_tf2.training.train_step import TrainStep

ROWS, LENGTH, PREDICTIONS, MASK = 6, 12, 4, 4
CONFIG = {
    "model_type": "electra",
    "vocab_size": 50,
    "embedding_size": 8,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 16,
    "initializer_range": 0.3,
}
HALF = ReplacedTokenOptions(generator_hidden_size=0.5)


@pytest.fixture
def config():
    return config_of(CONFIG | {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0})


def make_batch(seed=0, rows=ROWS, length=LENGTH) -> dict[str, tf.Tensor]:
    """Records of which the chosen tokens are [MASK], themselves, or others."""
    rng = np.random.default_rng(seed)
    mask = (np.arange(length) < rng.integers(6, LENGTH + 1, rows)[:, np.newaxis]).astype(np.int32)
    text = rng.integers(5, CONFIG["vocab_size"], (rows, length)) * mask
    weights = (np.arange(PREDICTIONS) < rng.integers(1, PREDICTIONS + 1, rows)[:, np.newaxis]).astype(np.float32)
    positions = np.sort(np.stack([rng.choice(np.arange(1, 6), PREDICTIONS, replace=False) for _ in range(rows)]), axis=1)
    positions = positions * (weights > 0)
    labels = np.take_along_axis(text, positions, axis=1) * (weights > 0)
    ids = text.copy()
    for row, place in zip(*np.nonzero(weights)):
        ids[row, positions[row, place]] = rng.choice([MASK, labels[row, place], 7])
    batch = {
        "input_word_ids": ids,
        "input_mask": mask,
        "input_type_ids": rng.integers(0, 2, (rows, length)) * mask,
        "masked_lm_positions": positions,
        "masked_lm_ids": labels,
        "masked_lm_weights": weights,
        "example_weight": np.ones(rows, np.float32),
        "text": text,
    }
    return {name: tf.constant(value, tf.float32 if value.dtype == np.float32 else tf.int32) for name, value in batch.items()}


def make_model(config, options=HALF, **how):
    task = ReplacedTokenTask(config, options, mask_id=MASK, **how)
    tf_keras.utils.set_random_seed(1)
    return task, task.build_model(family_of(config).build(config, how.get("policy", "float32")))


def outputs_of(model, batch, seed=(1, 2), training=True):
    with dropout_seed(tf.constant(seed)):
        return model({name: batch[name] for name in model.input}, training=training)


def as_arrays(outputs):
    return {name: value.numpy() for name, value in outputs.items()}


def listed(batch) -> Chosen:
    rows, places = np.nonzero(batch["masked_lm_weights"].numpy())
    at = [batch[name].numpy()[rows, places] for name in ("masked_lm_positions", "masked_lm_ids", "masked_lm_weights")]
    return Chosen(tf.constant(rows, tf.int32), *map(tf.constant, at))


def test_the_text_is_restored_and_masked_as_electra_does():
    """Whatever the records have in place of a token: 85 % [MASK], 15 % the token itself."""
    batch = make_batch(rows=400)
    chosen = listed(batch)
    with dropout_seed(tf.constant([3, 9])):
        text, masked, draws = Corruption(MASK)(batch["input_word_ids"], batch["input_mask"], chosen, training=True)
    np.testing.assert_array_equal(text, batch["text"])
    there = tf.gather_nd(masked, tf.stack([chosen.rows, chosen.positions], axis=1)).numpy()
    as_mask, number = (there == MASK).sum(), len(there)
    assert set(there[there != MASK] == chosen.label_ids.numpy()[there != MASK]) == {True}
    assert abs(as_mask / number - 0.85) < 4 * np.sqrt(0.85 * 0.15 / number)
    untouched = np.ones(masked.shape, bool)
    untouched[chosen.rows, chosen.positions] = False
    np.testing.assert_array_equal(masked.numpy()[untouched], text.numpy()[untouched])
    assert draws.shape == (number, 2)
    assert len(np.unique(draws)) > 1.9 * number


@pytest.mark.parametrize(("tokens", "temperature"), [(11, 1.0), (11, 2.0), (5, 0.5), (1, 1.0)])
def test_tokens_are_drawn_as_often_as_they_are_likely(tokens, temperature):
    rng, number = np.random.default_rng(5), 40_000
    logits = rng.normal(0.0, 1.5, tokens)
    logits[tokens // 3] = logits.max() - 200 if tokens > 1 else 0.0
    likelihoods = tf.constant(np.tile(np.exp(logits - logits.max()), [number, 1]), tf.float32)
    # The numbers that a training has: hashes of rows and places.
    draws = RowDraws(
        tf.constant([7, 1]), tf.constant(rng.integers(5, 99, (number // 40, 40)), tf.int32), tf.ones([1, 1], tf.int32)
    )
    rows, places = np.divmod(np.arange(number, dtype=np.int32), 40)
    one, other = (draws.uniform(stream, tf.constant(rows), tf.constant(places)) for stream in (2, 3))
    drawn = drawn_tokens(likelihoods, temperature, one, other).numpy()
    expected = np.exp((logits - logits.max()) / temperature)
    expected = number * expected / expected.sum()
    counts = np.bincount(drawn, minlength=tokens)
    never = expected < 1e-3
    assert counts[never].sum() == 0
    chi_square = ((counts - expected) ** 2 / expected)[~never].sum()
    # 99.99 % of the chi-square distribution with 9 degrees of freedom are below 33.7.
    assert chi_square < 33.7
    # The numbers are uniform and do not go together.
    for numbers in (one.numpy(), other.numpy()):
        assert abs(np.histogram(numbers, 20, (0, 1))[0] - number / 20).max() < 5 * np.sqrt(number / 20)
    assert abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(number)
    assert abs(np.corrcoef(one[:-1], one[1:])[0, 1]) < 4 / np.sqrt(number)


def test_extreme_draws_stay_within_the_vocabulary():
    likelihoods = tf.constant([[1.0, 0.0, 0.5, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0]])
    highest = tf.fill([2], float(1 - 2**-23))
    np.testing.assert_array_equal(drawn_tokens(likelihoods, 1.0, highest, highest), [2, 4])
    np.testing.assert_array_equal(drawn_tokens(likelihoods, 1.0, tf.zeros([2]), tf.zeros([2])), [0, 4])


def test_the_loss_is_the_papers(config):
    """Of the ids that were drawn, in NumPy; the discriminator judges all tokens but padding."""
    batch = make_batch()
    task, model = make_model(config)
    outputs = outputs_of(model, batch)
    found = as_arrays(outputs)
    shown, text, mask = found["disc_word_ids"], batch["text"].numpy(), batch["input_mask"].numpy()
    weights, positions = batch["masked_lm_weights"].numpy(), batch["masked_lm_positions"].numpy()
    chosen = np.zeros_like(mask)
    for row, place in zip(*np.nonzero(weights)):
        chosen[row, positions[row, place]] = 1
    np.testing.assert_array_equal(shown[chosen == 0], text[chosen == 0])
    labels = (shown != text).astype(np.float64)
    np.testing.assert_array_equal(found["replaced"], labels)
    assert labels.sum() > 3
    # What the discriminator says of these ids.
    inputs = {"input_word_ids": shown, "input_mask": mask, "input_type_ids": batch["input_type_ids"]}
    logits = model.discriminator_head(model.encoder(inputs)["sequence_output"]).numpy().astype(np.float64)
    np.testing.assert_allclose(found["disc_logits"], logits, atol=1e-5)
    of_tokens = np.log1p(np.exp(-np.abs(logits))) + np.maximum(logits, 0) - logits * labels
    # What the generator says of the text with its masks.
    with dropout_seed(tf.constant([1, 2])):
        _, masked, _ = Corruption(MASK)(batch["input_word_ids"], batch["input_mask"], listed(batch), training=True)
    hidden = model.generator(inputs | {"input_word_ids": masked, "output_positions": positions})["sequence_output"]
    rows, places = np.nonzero(weights)
    guesses = model.masked_lm.logits(hidden, tf.constant(rows * PREDICTIONS + places, tf.int32)).numpy().astype(np.float64)
    of_guesses = np.log(np.exp(guesses).sum(1)) - guesses[np.arange(len(rows)), batch["masked_lm_ids"].numpy()[rows, places]]
    expected = of_guesses.mean() + 50 * (of_tokens * mask).sum() / mask.sum()
    loss = float(task.loss(outputs, batch, task.loss_denominators(batch)))
    assert loss == pytest.approx(expected, rel=1e-5)
    other = ReplacedTokenTask(config, dataclasses.replace(HALF, gen_weight=2.0, disc_weight=0.5), mask_id=MASK)
    expected = 2 * of_guesses.mean() + 0.5 * (of_tokens * mask).sum() / mask.sum()
    assert float(other.loss(outputs, batch, other.loss_denominators(batch))) == pytest.approx(expected, rel=1e-5)


def gradients(config, batch, **weights):
    task, model = make_model(config, dataclasses.replace(HALF, **weights))
    with tf.GradientTape() as tape:
        outputs = outputs_of(model, batch)
        loss = task.loss(outputs, batch, task.loss_denominators(batch))
    variables = {id(variable): variable for variable in model.trainable_variables}
    found = tape.gradient(loss, list(variables.values()), unconnected_gradients="zero")
    return model, dict(zip(variables, (float(tf.reduce_max(tf.abs(tf.convert_to_tensor(one)))) for one in found)))


def test_embeddings_learn_from_both_and_the_generator_not_from_the_discriminator(config):
    for weights, learns in (({"gen_weight": 0.0}, (False, True)), ({"disc_weight": 0.0}, (True, False))):
        model, sizes = gradients(config, make_batch(), **weights)
        shared = {id(variable) for variable in model.encoder.variables} & {id(variable) for variable in model.generator.variables}
        # Three tables and a layer normalisation of the embeddings' width.
        assert len(shared) == 5
        assert all(sizes[key] > 0 for key in shared)
        own = {id(variable) for variable in [*model.generator.variables, *model.masked_lm.variables]} - shared
        judge = {id(variable) for variable in [*model.encoder.variables, *model.discriminator_head.variables]} - shared
        pooler = {id(variable) for variable in model.encoder._pooler_layer.variables}
        assert {sizes[key] > 0 for key in own if key in sizes} == {learns[0]}
        assert {sizes[key] > 0 for key in judge - pooler} == {learns[1]}


def test_the_generator_has_its_own_dropout(config):
    config = dataclasses.replace(config, hidden_dropout_prob=0.5)
    _, model = make_model(config, ReplacedTokenOptions(generator_hidden_size=1.0))
    layers = [layer for part in (model.encoder, model.generator) for layer in part.submodules if hasattr(layer, "_salt")]
    salts = [layer._salt for layer in layers]
    assert len(set(salts)) == len(salts) == 2 * (1 + 3 * config.num_hidden_layers) + 1


def test_draws_follow_the_seed_and_an_evaluation_has_its_own(config):
    batch = make_batch(rows=40)
    _, model = make_model(config)
    first, again, other = (as_arrays(outputs_of(model, batch, seed)) for seed in ((1, 2), (1, 2), (1, 3)))
    np.testing.assert_array_equal(first["disc_word_ids"], again["disc_word_ids"])
    assert (first["disc_word_ids"] != other["disc_word_ids"]).sum() > 10
    evaluated = as_arrays(outputs_of(model, batch, (1, 2), training=False))
    np.testing.assert_array_equal(
        evaluated["disc_word_ids"], as_arrays(outputs_of(model, batch, (5, 6), training=False))["disc_word_ids"]
    )
    # Neither the batch nor its padding decides.
    part = {name: value[10:14] for name, value in batch.items()}
    for name in ("input_word_ids", "input_mask", "input_type_ids", "text"):
        part[name] = tf.pad(part[name], [[0, 0], [0, 3]])
    small = as_arrays(outputs_of(model, part, training=False))
    np.testing.assert_array_equal(small["disc_word_ids"][:, :LENGTH], evaluated["disc_word_ids"][10:14])


def test_shapes_known_or_not_and_rows_that_fill_up_change_nothing(config):
    batch = make_batch()
    task, model = make_model(config)
    static, static_model = make_model(config, static_shapes=True)
    static_model.set_weights(model.get_weights())
    more = {name: tf.concat([value, value[:2]], 0) for name, value in batch.items()}
    more["example_weight"] = tf.constant([1.0] * ROWS + [0.0] * 2)
    found = []
    for one, of_task, rows in (
        (model, task, batch),
        (static_model, static, batch),
        (model, task, more),
        (static_model, static, more),
    ):
        outputs = outputs_of(one, rows)
        loss = float(of_task.loss(outputs, rows, of_task.loss_denominators(rows)))
        sums = {name: float(value) for name, value in of_task.measures(outputs, rows).items()}
        assert list(sums) == list(of_task.measure_names)
        found.append({"loss": loss, **of_task.metrics_of_sums(sums)})
        collected = {name: value.numpy() for name, value in of_task.predictions(outputs, rows).items()}
        assert of_task.metrics(collected) == pytest.approx(found[-1], abs=1e-5)
    for other in found[1:]:
        assert other == pytest.approx(found[0], abs=1e-5)


def test_parts_of_a_batch_sum_to_its_loss(config):
    """As replicas and accumulation steps have it; with the draws of an evaluation, which are the rows' own."""
    batch = make_batch()
    task, model = make_model(config)
    denominators = task.loss_denominators(batch)
    whole = float(task.loss(outputs_of(model, batch, training=False), batch, denominators))
    shares = []
    for rows in (slice(0, 1), slice(1, 4), slice(4, ROWS)):
        part = {name: value[rows] for name, value in batch.items()}
        shares.append(float(task.loss(outputs_of(model, part, training=False), part, denominators)))
    assert sum(shares) == pytest.approx(whole, rel=1e-5)


def test_metrics_are_those_of_their_definitions():
    rng = np.random.default_rng(8)
    labels = (rng.random((40, 30)) < 0.1).astype(np.float32)
    logits = (rng.normal(-1.5, 1.2, labels.shape) + 1.5 * labels).astype(np.float32)
    weights = (rng.random(labels.shape) < 0.8).astype(np.float32)
    sums = {
        name: float(np.sum(value)) for name, value in token_sums.of_tokens(logits, np.ones_like(logits), labels, weights).items()
    }
    tensors = [tf.constant(values) for values in (logits, labels, weights)]
    kinds = token_sums.told_apart(*tensors[1:]).numpy()
    sums |= {"masked_lm_predictions": 4.0, "masked_lm_loss": 8.0, "masked_lm_correct": 2.0, "sampled_masked_lm_correct": 1.0}
    metrics = token_sums.metrics_of_sums(sums | token_sums.pairs_of_tokens(logits, kinds))
    assert list(metrics) == list(token_sums.METRICS)
    kept, real = logits[weights == 1], labels[weights == 1] == 1
    called = kept > 0
    assert metrics["disc_accuracy"] == pytest.approx(np.mean(called == real))
    assert metrics["disc_precision"] == pytest.approx(np.mean(real[called]))
    assert metrics["disc_recall"] == pytest.approx(np.mean(called[real]))
    pairs = kept[real][:, np.newaxis] - kept[~real]
    assert metrics["disc_auc"] == pytest.approx(np.mean(pairs > 0), abs=1e-6)
    area = tf_keras.metrics.AUC(num_thresholds=2000, from_logits=True)
    area.update_state(real, kept)
    assert metrics["disc_auc"] == pytest.approx(float(area.result()), abs=2e-3)
    assert (metrics["masked_lm_loss"], metrics["masked_lm_accuracy"], metrics["sampled_masked_lm_accuracy"]) == (2.0, 0.5, 0.25)
    found = {name: float(value) for name, value in token_sums.pairs(*tensors).items()}
    assert found == pytest.approx(token_sums.pairs_of_tokens(logits, kinds), rel=1e-5)
    # Equal logits are half in order.
    assert token_sums.pairs_of_tokens(np.zeros([2, 2]), np.array([[1, 2], [1, 0]])) == {
        "disc_pairs_in_order": 1.0,
        "disc_pairs": 2.0,
    }


@pytest.mark.slow
@pytest.mark.parametrize("accumulation_steps", [1, 2])
def test_a_compiled_step_is_the_step(accumulation_steps):
    config, results = config_of(CONFIG | {"num_hidden_layers": 3}), []
    for enable_xla in (False, True):
        task, model = make_model(config, static_shapes=enable_xla)
        optimizer = create_optimizer(WarmUpThenDecay(0.01, 20, warmup_steps=2))
        create_slots(optimizer, model.trainable_variables)
        iterator = iter(tf.data.Dataset.from_tensors(make_batch()).repeat())
        options = {"accumulation_steps": accumulation_steps, "enable_xla": enable_xla}
        step = TrainStep(task, model, optimizer, tf.distribute.get_strategy(), seed=5, **options)
        found = [step.run(iterator, number, 1) for number in range(3)]
        step.give(moments=True)
        weights = {variable.name: variable.numpy() for variable in model.trainable_variables}
        results.append(([float(one.loss_sum) for one in found], found[-1].measures.numpy(), weights))
    (losses, measures, weights), (compiled_losses, compiled_measures, compiled_weights) = results
    np.testing.assert_allclose(losses, compiled_losses, rtol=1e-4)
    np.testing.assert_allclose(measures, compiled_measures, rtol=2e-3, atol=1e-3)
    for name, value in weights.items():
        np.testing.assert_allclose(value, compiled_weights[name], atol=2e-4, err_msg=name)


def test_mixed_precision(config):
    batch = make_batch()
    task, model = make_model(config)
    mixed_task, mixed = make_model(config, policy="mixed_bfloat16")
    mixed.set_weights(model.get_weights())
    exact = float(task.loss(outputs_of(model, batch), batch, task.loss_denominators(batch)))
    with tf.GradientTape() as tape:
        outputs = outputs_of(mixed, batch)
        loss = mixed_task.loss(outputs, batch, mixed_task.loss_denominators(batch))
    assert float(loss) == pytest.approx(exact, rel=0.15)
    for gradient in tape.gradient(loss, mixed.trainable_variables):
        assert gradient is None or (gradient.dtype == tf.float32 and np.isfinite(tf.convert_to_tensor(gradient)).all())


def test_sizes_of_the_generator():
    def sizes(config):
        return config.hidden_size, config.num_hidden_layers, config.num_attention_heads, config.intermediate_size

    def published(hidden, layers):
        shape = {"embedding_size": 128 if hidden == 256 else hidden, "hidden_size": hidden, "intermediate_size": 4 * hidden}
        return config_of({"model_type": "electra", "num_hidden_layers": layers, "num_attention_heads": hidden // 64, **shape})

    # The published generators: of base a third, of large a quarter.
    assert sizes(generator_config(published(256, 12))) == (64, 12, 1, 256)
    assert sizes(generator_config(published(768, 12), 1 / 3)) == (256, 12, 4, 1024)
    assert sizes(generator_config(published(1024, 24))) == (256, 24, 4, 1024)
    assert sizes(generator_config(published(768, 12), 0.25, 0.5)) == (192, 6, 3, 768)
    for arguments, message in (
        ((0.2604,), "makes a generator of width 200, which does not divide into 3 heads; give --gen.*=0.25 for a width of 192"),
        ((0.0001,), "leaves a generator of no width"),
        ((0.25, 0.01), "leaves a generator without layers"),
    ):
        with pytest.raises(UserError, match=message):
            generator_config(published(768, 12), *arguments)
