"""What holds of every family of encoders. A test of a family is a subclass of `FamilyCase`."""

import dataclasses
import json
import warnings

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from bert_tf2.data.batches.packing import PackShape, packing_of
from bert_tf2.errors import UserError
from bert_tf2.models.attention_weights import attention_weights_of
from bert_tf2.models.checkpoints import convert, open_source, pruning
from bert_tf2.models.checkpoints.loading import load_encoder_weights
from bert_tf2.models.checkpoints.source import Source, StoredTensor
from bert_tf2.models.dropout import dropout_seed
from bert_tf2.models.families import names
from bert_tf2.models.families.base import config_of, families, family_of, read_config
from bert_tf2.models.packing import Packing, packed
from bert_tf2.pruning.curve import without
from bert_tf2.pruning.importance import OutputRows
from bert_tf2.tasks.classification.task import ClassificationTask
from bert_tf2.tasks.pretraining.task import PretrainingTask
from bert_tf2.tensorflow_internals import create_slots
from bert_tf2.training.optimization import create_optimizer
from bert_tf2.training.schedules import WarmUpThenDecay
from bert_tf2.training.train_step import TrainStep

ROWS, LENGTH = 5, 9


def transformers():
    """The library, version 4, whose TensorFlow classes are the other side of these tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("transformers")


def theirs(folder):
    """The class that a Hugging Face folder names, with the folder's weights: every one of them is asked for and given."""
    from safetensors.numpy import load_file
    from transformers.modeling_tf_pytorch_utils import load_pytorch_state_dict_in_tf2_model

    library = transformers()
    config = library.AutoConfig.from_pretrained(folder)
    model = getattr(library, f"TF{config.architectures[0]}")(config)
    state = load_file(f"{folder}/model.safetensors")
    model, report = load_pytorch_state_dict_in_tf2_model(model, state, allow_missing_keys=True, output_loading_info=True)
    assert not report["unexpected_keys"]
    assert [key for key in report["missing_keys"] if "decoder" not in key] == []
    return model


def inputs_of(config, lengths=(LENGTH, LENGTH - 3, LENGTH // 2, 1, LENGTH)):
    """A batch with padding, for our encoders."""
    rng = np.random.default_rng(1)
    mask = (np.arange(LENGTH) < np.array(lengths)[:, np.newaxis]).astype(np.int32)
    return {
        "input_word_ids": tf.constant(rng.integers(1, config.vocab_size, mask.shape) * mask, tf.int32),
        "input_mask": tf.constant(mask),
        "input_type_ids": tf.constant(rng.integers(0, config.type_vocab_size, mask.shape) * mask, tf.int32),
    }


def their_inputs(inputs):
    """The same for classes of `transformers`."""
    known = {"input_word_ids": "input_ids", "input_mask": "attention_mask", "input_type_ids": "token_type_ids"}
    return {known[name]: value for name, value in inputs.items()}


def random_weights(config, heads=(), classes=3):
    """Arrays for every weight of an encoder and of heads, by plain names."""
    rng = np.random.default_rng(2)
    table = family_of(config).weights
    wanted = {weight.name for head in heads for weight in names.HEADS[head].weights}
    arrays = {}
    for weight in (*table.of(config), *(weight for weight in table.heads() if weight.name in wanted)):
        count = classes if weight.name in ("output_weights", "output_bias") else 2
        shape = [count if field is None else getattr(config, field) for field in weight.shape]
        arrays[weight.name] = rng.normal(0.0, 0.3, shape).astype(np.float32)
    return arrays


def source_of(arrays, family):
    """An opened checkpoint that lies in memory."""
    tensors = {name: StoredTensor(name, array.shape, lambda array=array: array) for name, array in arrays.items()}
    return Source("tf1", "memory", tensors, family=family)


class FamilyCase:
    """Attributes:
    name: of the family.
    google: a tiny configuration as it is published, in Google's form where there is one.
    formats: in which its checkpoints exist.
    has_masked_lm: whether there are models of it that guess masked words.
    has_next_sentence: whether its models for pre-training in `transformers` predict it.
    pooler_kinds: the kinds of models that hold its pooler there.
    """

    name: str
    google: dict
    formats: tuple[str, ...] = ("tf2", "tf1", "huggingface")
    has_masked_lm = True
    has_next_sentence = True
    pooler_kinds: tuple[str, ...] = ("encoder", "pretrainer", "classifier", "span")

    @pytest.fixture
    def config(self):
        return config_of(self.google)

    def inputs_of(self, config, *lengths):
        return inputs_of(config, *lengths)

    def their_inputs(self, inputs):
        return their_inputs(inputs)

    def published(self, arrays, config, directory):
        """Writes the weights as they are published, and a folder with the same model for transformers; the paths of both."""
        folder = str(directory / "folder")
        convert.convert(source_of(arrays, families.get(self.name)), config, folder, "huggingface")
        return folder, folder

    def same_tables(self, encoder, other):
        """A table of embeddings of ours and of theirs whose gradients are the same."""
        return encoder._embedding_layer.embeddings, other.get_input_embeddings().weight

    @pytest.fixture
    def family(self):
        return families.get(self.name)

    def test_configurations_are_recognised_and_come_back(self, config, family, tmp_path):
        assert family_of(config) is family
        assert type(config) is family.config
        assert config_of(config.to_dict()) == config
        exact = dataclasses.replace(config, hidden_act="gelu_exact")
        if "huggingface" not in self.formats:
            return
        for one in (config, exact):
            assert config_of(one.to_hugging_face_dict()) == one
        (tmp_path / "config.json").write_text(json.dumps(config.to_hugging_face_dict()))
        assert read_config(str(tmp_path / "config.json")) == config

    def test_defaults_are_those_of_transformers(self, config):
        """Later versions write only what differs from the defaults."""
        if "huggingface" not in self.formats:
            pytest.skip(f"transformers has no {config.form.title}")
        config_class = getattr(transformers(), f"{config.form.architecture}Config")
        whole = json.loads(config_class().to_json_string(use_diff=False))
        assert config_of({"model_type": self.name}) == config_of(whole)

    @pytest.mark.parametrize("to", ["tf2", "tf1", "huggingface"])
    @pytest.mark.parametrize(
        ("kind", "heads"),
        [
            ("encoder", ()),
            ("pretrainer", ("masked_lm", "next_sentence")),
            ("classifier", ("classifier",)),
            ("span", ("span",)),
        ],
    )
    def test_checkpoints_of_every_format_come_back(self, config, family, tmp_path, to, kind, heads):
        if "masked_lm" in heads and not self.has_masked_lm:
            pytest.skip(f"{family.title} has no masked-LM head")
        if "next_sentence" in heads and to == "huggingface" and not self.has_next_sentence:
            heads = ("masked_lm",)
        arrays = random_weights(config, heads)
        if to not in self.formats:
            with pytest.raises(UserError, match=f"--to={to}: {family.title} has no"):
                convert.convert(source_of(arrays, family), config, str(tmp_path / "there"), to)
            return
        written = convert.convert(source_of(arrays, family), config, str(tmp_path / "there"), to)
        poolers = [name for name in arrays if names.is_pooler(name)]
        if to != "huggingface" or kind in self.pooler_kinds:
            poolers = []
        assert (written.kind, written.unused) == (kind, poolers)
        arrays = {name: array for name, array in arrays.items() if name not in poolers}
        source = open_source(str(tmp_path / "there")).of_family(family)
        assert source.family is family
        assert source.others == []
        assert list(source.tensors) == list(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(source.tensors[name].read(), array, name)
        encoder = family.build(config)
        report = load_encoder_weights(encoder, source, config)
        assert (report.missing, report.mismatched) == (poolers, [])
        # What the living model holds is the same again.
        tf.train.Checkpoint(encoder=encoder).write(str(tmp_path / "living"))
        living = open_source(str(tmp_path / "living")).of_family(family)
        assert living.family is family
        for name in (weight.name for weight in family.weights.of(config) if weight.name in arrays):
            np.testing.assert_array_equal(living.tensors[name].read(), arrays[name], name)

    def test_pretraining_outputs_are_those_of_transformers(self, config, family, tmp_path):
        if not self.has_masked_lm:
            pytest.skip(f"{family.title} has no masked-LM head")
        arrays = random_weights(config, ("masked_lm", "next_sentence") if self.has_next_sentence else ("masked_lm",))
        ours, folder = self.published(arrays, config, tmp_path)
        encoder = family.build(config, for_pretraining=True)
        model = PretrainingTask(config, next_sentence=self.has_next_sentence).build_model(encoder)
        missing = load_encoder_weights(encoder, ours, config, head_model=model).missing
        assert [name for name in missing if not names.is_pooler(name)] == []
        for lengths in ((LENGTH, LENGTH - 3, LENGTH // 2, 1, LENGTH), (LENGTH,) * ROWS):
            inputs = self.inputs_of(config, lengths)
            positions = tf.tile(tf.range(LENGTH)[tf.newaxis], [ROWS, 1])
            found = encoder(inputs | {"output_positions": positions}, training=False)
            expected = theirs(folder)(self.their_inputs(inputs), output_hidden_states=True)
            logits = model.masked_lm.logits(found["sequence_output"], tf.range(ROWS * LENGTH))
            within = inputs["input_mask"].numpy() == 1
            hidden = expected.hidden_states[-1].numpy()
            np.testing.assert_allclose(found["sequence_output"].numpy()[within], hidden[within], atol=1e-5)
            shown = tf.reshape(logits, [ROWS, LENGTH, -1]).numpy()
            expected_logits = expected.prediction_logits if self.has_next_sentence else expected.logits
            np.testing.assert_allclose(shown[within], expected_logits.numpy()[within], atol=1e-5)

    def test_attention_and_hidden_states_are_those_of_transformers(self, config, family, tmp_path):
        path, folder = self.published(random_weights(config), config, tmp_path)
        encoder, inputs, other = family.build(config), self.inputs_of(config), theirs(folder)
        load_encoder_weights(encoder, path, config, head_model=encoder)
        expected = other(self.their_inputs(inputs), output_hidden_states=True, output_attentions=True)
        layers = range(config.num_hidden_layers)
        weights = attention_weights_of(encoder, layers)(inputs).numpy()
        states = encoder(inputs, training=False)["encoder_outputs"]
        within = inputs["input_mask"].numpy() == 1
        for layer in layers:
            # Padding asks too, and nobody reads its answers.
            found, theirs_there = weights[:, layer].swapaxes(1, 2)[within], expected.attentions[layer].numpy()
            np.testing.assert_allclose(found, theirs_there.swapaxes(1, 2)[within], atol=1e-5)
            np.testing.assert_allclose(
                states[layer].numpy()[within], expected.hidden_states[layer + 1].numpy()[within], atol=1e-5
            )
        np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)
        np.testing.assert_array_equal(attention_weights_of(encoder, [1])(inputs).numpy(), weights[:, 1:2])

    def test_classifier_outputs_and_gradients_are_those_of_transformers(self, config, family, tmp_path):
        arrays = random_weights(config, ("classifier",))
        path, folder = self.published(arrays, config, tmp_path)
        encoder = family.build(config, output_range=1)
        model = ClassificationTask(["a", "b", "c"]).build_model(encoder)
        assert load_encoder_weights(encoder, path, config, head_model=model).missing == []
        other, inputs, gradients = theirs(folder), self.inputs_of(config), []
        table, their_table = self.same_tables(encoder, other)
        for call, words in (
            (lambda: model(inputs, training=False), table),
            (lambda: other(self.their_inputs(inputs), training=False).logits, their_table),
        ):
            with tf.GradientTape() as tape:
                logits = call()
                loss = tf.reduce_sum(logits[:, 0] ** 2 + logits[:, 1])
            gradients.append((logits.numpy(), tf.convert_to_tensor(tape.gradient(loss, words)).numpy()))
        (ours, gradient), (expected, their_gradient) = gradients
        np.testing.assert_allclose(ours, expected, atol=1e-5)
        np.testing.assert_allclose(gradient, their_gradient, atol=1e-4 * abs(their_gradient).max())

    def test_only_some_tokens_are_computed_alike(self, config, family):
        whole, part = family.build(config), family.build(config, output_range=1)
        rng = np.random.default_rng(4)
        whole.set_weights([value + rng.normal(scale=0.2, size=value.shape) for value in whole.get_weights()])
        part.set_weights(whole.get_weights())
        inputs = inputs_of(config)
        np.testing.assert_allclose(whole(inputs)["pooled_output"], part(inputs)["pooled_output"], atol=1e-5)

    def test_what_is_pruned_computes_what_the_whole_computes_without_it(self, config, family, tmp_path):
        """The whole encoder with zeros where the rows of the pruned heads and neurons were, and the smaller one."""
        heads = tuple(range(1, config.num_attention_heads))
        neurons = tuple(range(0, config.intermediate_size, 3))
        layers = tuple(range(getattr(config, family.weights.counts)))
        kept = pruning.Kept(layers, (heads,) * len(layers), (neurons,) * len(layers))
        arrays = random_weights(config, ("classifier",))
        part, small = pruning.pruned(source_of(arrays, family), config, kept)
        assert (small.num_attention_heads, small.intermediate_size) == (len(heads), len(neurons))
        assert (config_of(small.to_dict()), small.head_size) == (small, config.head_size)
        convert.convert(part, small, str(tmp_path / "small"), "tf2")
        encoder = family.build(small)
        assert load_encoder_weights(encoder, open_source(str(tmp_path / "small")).of_family(family), small).missing == []
        encoder_of_few = family.build(small, output_range=1)
        load_encoder_weights(encoder_of_few, part, small)
        whole, whole_of_few = family.build(config), family.build(config, output_range=1)
        for model in (whole, whole_of_few):
            load_encoder_weights(model, source_of(arrays, family), config)
        inputs = self.inputs_of(config)
        found, of_few = encoder(inputs), encoder_of_few(inputs)["sequence_output"]
        with without(OutputRows.of(whole, config), kept), without(OutputRows.of(whole_of_few, config), kept):
            for name, value in whole(inputs).items():
                for one, other in zip(tf.nest.flatten(value), tf.nest.flatten(found[name]), strict=True):
                    np.testing.assert_allclose(one, other, atol=2e-5)
            np.testing.assert_allclose(whole_of_few(inputs)["sequence_output"], of_few, atol=2e-5)
        assert abs(whole(inputs)["sequence_output"] - found["sequence_output"]).numpy().max() > 0.01


class TrainingCase(FamilyCase):
    """What holds besides of every way to build an encoder: of one family for each of them."""

    def test_every_layer_draws_its_own_dropout(self, config, family):
        config = dataclasses.replace(config, hidden_dropout_prob=0.5, attention_probs_dropout_prob=0.0)
        encoder = family.build(config)
        # Blocks that pass on what they get: what a layer adds is the dropout of a constant.
        for weight in encoder.weights:
            weight.assign(tf.zeros_like(weight))
        for block in encoder._transformer_layers:
            block._output_dense.bias.assign(tf.ones_like(block._output_dense.bias))
            block._output_layer_norm.beta.assign(tf.zeros_like(block._output_layer_norm.beta))
            block._output_layer_norm.gamma.assign(tf.ones_like(block._output_layer_norm.gamma))
        with dropout_seed(tf.constant([3, 4])):
            outputs = encoder(inputs_of(config), training=True)["encoder_outputs"]
            again = family.build(config)
        again.set_weights(encoder.get_weights())
        with dropout_seed(tf.constant([3, 4])):
            repeated = again(inputs_of(config), training=True)["encoder_outputs"]
        patterns = [output.numpy() > 0 for output in outputs]
        for pattern, other in zip(patterns, repeated):
            np.testing.assert_array_equal(pattern, other.numpy() > 0)
        for first, pattern in enumerate(patterns):
            assert 0.3 < pattern.mean() < 0.7
            for other in patterns[first + 1 :]:
                assert 0.3 < (pattern == other).mean() < 0.7

    def test_a_compiled_step_is_the_step(self, config, family):
        config = dataclasses.replace(config, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)
        results = []
        for enable_xla in (False, True):
            tf_keras.utils.set_random_seed(1)
            task = ClassificationTask(["no", "yes"])
            model = task.build_model(family.build(config, output_range=1))
            optimizer = create_optimizer(WarmUpThenDecay(0.01, 20, warmup_steps=2))
            create_slots(optimizer, model.trainable_variables)
            batch = {name: value[:4] for name, value in inputs_of(config).items()}
            batch |= {"label_ids": tf.constant([0, 1, 1, 0]), "example_weight": tf.ones([4])}
            iterator = iter(tf.data.Dataset.from_tensors(batch).repeat())
            step = TrainStep(task, model, optimizer, tf.distribute.get_strategy(), seed=5, enable_xla=enable_xla)
            losses = [float(step.run(iterator, number, 1).loss_sum) for number in range(3)]
            step.give(moments=True)
            results.append((losses, {variable.name: variable.numpy() for variable in model.trainable_variables}))
        (losses, weights), (compiled_losses, compiled_weights) = results
        np.testing.assert_allclose(losses, compiled_losses, rtol=2e-5)
        for name, value in weights.items():
            np.testing.assert_allclose(value, compiled_weights[name], atol=4e-5, err_msg=name)

    @pytest.mark.parametrize("output_range", [None, 1])
    def test_what_is_computed_again_is_the_same(self, config, family, output_range):
        config = dataclasses.replace(config, hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.2)
        results = []
        for recompute in (False, True):
            tf_keras.utils.set_random_seed(1)
            encoder = family.build(config, output_range=output_range, recompute=recompute)
            with tf.GradientTape() as tape, dropout_seed(tf.constant([1, 2])):
                outputs = encoder(inputs_of(config), training=True)
                loss = tf.reduce_sum(outputs["sequence_output"] ** 3) + tf.reduce_sum(outputs["pooled_output"] ** 2)
            gradients = tape.gradient(loss, encoder.trainable_variables, unconnected_gradients="zero")
            results.append([loss, *map(tf.convert_to_tensor, gradients)])
        for one, other in zip(*results, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6 * max(1, abs(other.numpy()).max()))

    @pytest.mark.parametrize("output_range", [None, 1])
    def test_packed_examples_give_what_they_give_alone(self, config, family, output_range):
        lengths = np.array([LENGTH, LENGTH - 3, 2, 1, LENGTH - 4])
        encoder, inputs = family.build(config, output_range=output_range), inputs_of(config, lengths)
        rng = np.random.default_rng(5)
        encoder.set_weights([value + rng.normal(scale=0.2, size=value.shape) for value in encoder.get_weights()])
        within = (np.arange(LENGTH) < lengths[:, np.newaxis])[:, :output_range, np.newaxis].astype(np.float32)
        packing, results = Packing(*map(tf.constant, packing_of(lengths, PackShape(3, LENGTH, 3), 1))), []
        for how in (None, packing):
            with packed(how), tf.GradientTape() as tape:
                outputs = encoder(inputs, training=False)
                given = [outputs["sequence_output"] * within, outputs["pooled_output"]]
                loss = sum(tf.reduce_sum(tf.sin(3 * one)) for one in given)
            gradients = tape.gradient(loss, encoder.trainable_variables, unconnected_gradients="zero")
            results.append([*given, *map(tf.convert_to_tensor, gradients)])
        for one, other in zip(*results, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4 * max(1, abs(other.numpy()).max()))

    @pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
    def test_mixed_precision(self, config, family, policy):
        exact, mixed = family.build(config), family.build(config, policy)
        mixed.set_weights(exact.get_weights())
        inputs = inputs_of(config)
        with tf.GradientTape() as tape, dropout_seed(tf.constant([1, 2])):
            loss = tf.reduce_sum(mixed(inputs, training=True)["pooled_output"])
        gradients = tape.gradient(loss, mixed.trainable_variables)
        for variable, gradient in zip(mixed.trainable_variables, gradients, strict=True):
            assert variable.dtype == gradient.dtype == tf.float32
            assert np.isfinite(tf.convert_to_tensor(gradient)).all()
        np.testing.assert_allclose(mixed(inputs)["pooled_output"], exact(inputs)["pooled_output"], rtol=0, atol=0.1)
