"""XLNet, by what holds of every family, and by what is its own."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from family_case import TrainingCase, inputs_of, random_weights, source_of, their_inputs, theirs

from bert_tf2.errors import UserError
from bert_tf2.models.checkpoints import convert, open_source
from bert_tf2.models.checkpoints.loading import check_fits, load_encoder_weights
from bert_tf2.models.config import BertConfig
from bert_tf2.models.families.base import config_of, families, family_of
from bert_tf2.tasks.classification.task import ClassificationTask

pytestmark = pytest.mark.filterwarnings("ignore")

# As Google published it, but for the sizes.
GOOGLE = {
    "d_head": 8,
    "d_inner": 32,
    "d_model": 16,
    "ff_activation": "gelu",
    "n_head": 2,
    "n_layer": 3,
    "n_token": 50,
    "untie_r": True,
}

# As transformers' xlnet-base-cased has it, but for the sizes.
HUGGING_FACE = {
    "architectures": ["XLNetLMHeadModel"],
    "attn_type": "bi",
    "bi_data": False,
    "bos_token_id": 1,
    "clamp_len": -1,
    "d_head": 8,
    "d_inner": 32,
    "d_model": 16,
    "dropout": 0.1,
    "end_n_top": 5,
    "eos_token_id": 2,
    "ff_activation": "gelu",
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-12,
    "mem_len": None,
    "model_type": "xlnet",
    "n_head": 2,
    "n_layer": 3,
    "pad_token_id": 5,
    "reuse_len": None,
    "same_length": False,
    "start_n_top": 5,
    "summary_activation": "tanh",
    "summary_last_dropout": 0.1,
    "summary_type": "last",
    "summary_use_proj": True,
    "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 250}},
    "untie_r": True,
    "vocab_size": 50,
}


def left_padded(inputs):
    """The same rows with their padding in front, as XLNet's own code and transformers have them."""
    mask = inputs["input_mask"].numpy()
    rolled = {}
    for name, value in inputs.items():
        rolled[name] = tf.constant([np.roll(row, len(row) - kept.sum()) for row, kept in zip(value.numpy(), mask)])
    return rolled


class TestXLNet(TrainingCase):
    name = "xlnet"
    google = GOOGLE
    has_masked_lm = False
    has_next_sentence = False
    pooler_kinds = ("classifier",)

    def inputs_of(self, config, *lengths):
        """Padded as theirs, whose last token of a row is the last of all."""
        return left_padded(inputs_of(config, *lengths))


def encoder_and_theirs(config, directory):
    """Our encoder and `TFXLNetModel` with the same random weights, and the arrays."""
    arrays = random_weights(config)
    folder = str(directory / "folder")
    convert.convert(source_of(arrays, families.get("xlnet")), config, folder, "huggingface")
    encoder = families.get("xlnet").build(config)
    load_encoder_weights(encoder, source_of(arrays, families.get("xlnet")), config)
    return encoder, theirs(folder)


@pytest.mark.parametrize("lengths", [(9, 6, 4, 1, 9), (9,) * 5], ids=["padded", "whole"])
@pytest.mark.parametrize("padding", ["right", "left"])
def test_outputs_are_those_of_transformers_wherever_padding_stands(tmp_path, lengths, padding):
    """transformers' own rows are padded on the left: attention is relative, so ours may be either."""
    encoder, other = encoder_and_theirs(config_of(GOOGLE), tmp_path)
    right = inputs_of(config_of(GOOGLE), lengths)
    left = left_padded(right)
    found = encoder(left if padding == "left" else right, training=False)
    expected = other(their_inputs(left)).last_hidden_state.numpy()
    for row, length in enumerate(lengths):
        ours = found["sequence_output"].numpy()[row]
        ours = ours[-length:] if padding == "left" else ours[:length]
        np.testing.assert_allclose(ours, expected[row][-length:], atol=1e-5)
    # The vector that stands for the row is that of its last token.
    pooler = encoder._pooler_layer
    np.testing.assert_allclose(found["pooled_output"], pooler(tf.constant(expected[:, -1])), atol=1e-5)


def test_long_rows_and_every_gradient_are_those_of_transformers(tmp_path):
    config = config_of(GOOGLE)
    encoder, other = encoder_and_theirs(config, tmp_path)
    rng = np.random.default_rng(7)
    length, rows = 300, 3
    mask = (np.arange(length) < np.array([[300], [211], [40]])).astype(np.int32)
    right = {
        "input_word_ids": tf.constant(rng.integers(1, config.vocab_size, (rows, length)) * mask, tf.int32),
        "input_mask": tf.constant(mask),
        "input_type_ids": tf.constant(np.sort(rng.integers(0, 3, (rows, length))) * mask, tf.int32),
    }
    left = left_padded(right)
    with tf.GradientTape() as tape:
        ours = encoder(right, training=False)["sequence_output"] * tf.cast(mask, tf.float32)[..., tf.newaxis]
        loss = tf.reduce_sum(tf.sin(ours))
    gradients = {
        variable.ref(): tf.convert_to_tensor(gradient)
        for variable, gradient in zip(
            encoder.trainable_variables,
            tape.gradient(loss, encoder.trainable_variables, unconnected_gradients="zero"),
        )
    }
    with tf.GradientTape() as tape:
        hidden = other(their_inputs(left)).last_hidden_state
        their_loss = tf.reduce_sum(tf.sin(hidden * tf.cast(left["input_mask"], tf.float32)[..., tf.newaxis]))
    expected = {variable.name.split("/", 1)[1]: variable for variable in other.trainable_variables}
    their_gradients = dict(zip(expected, tape.gradient(their_loss, list(expected.values()), unconnected_gradients="zero")))
    for row, kept in enumerate(mask.sum(axis=1)):
        np.testing.assert_allclose(ours[row, :kept], hidden[row, -kept:], atol=1e-5)
    compared = 0
    attention_parts = {"q": "query_dense", "k": "key_dense", "v": "value_dense", "o": "output_dense", "r": "distance_dense"}
    for index, block in enumerate(encoder._transformer_layers):
        attention = block._attention_layer
        pairs = {f"rel_attn/{name}": getattr(attention, f"_{part}").kernel for name, part in attention_parts.items()} | {
            "rel_attn/r_w_bias": attention.content_bias,
            "rel_attn/r_r_bias": attention.distance_bias,
            "rel_attn/r_s_bias": attention.segment_bias,
            "rel_attn/seg_embed": attention.segments,
            "rel_attn/layer_norm/gamma": block._attention_layer_norm.gamma,
            "ff/layer_1/kernel": block._intermediate_dense.kernel,
            "ff/layer_2/bias": block._output_dense.bias,
            "ff/layer_norm/beta": block._output_layer_norm.beta,
        }
        for name, variable in pairs.items():
            theirs_of = next(gradient for key, gradient in their_gradients.items() if f"layer_._{index}/{name}:" in key)
            scale = max(1e-3, abs(theirs_of.numpy()).max())
            np.testing.assert_allclose(gradients[variable.ref()] / scale, theirs_of / scale, atol=1e-4, err_msg=f"{index} {name}")
            compared += 1
    assert compared == 3 * 13


def test_the_files_of_google_and_of_transformers_are_known(caplog):
    google, other = config_of(GOOGLE), config_of(HUGGING_FACE)
    assert family_of(google).name == family_of(other).name == "xlnet"
    # In Google's code `gelu` is the tanh approximation.
    assert (google.hidden_act, other.hidden_act) == ("gelu", "gelu_exact")
    assert google == config_of(HUGGING_FACE | {"ff_activation": "gelu_new"})
    assert (google.num_hidden_layers, google.head_size, google.vocab_size, google.hidden_dropout_prob) == (3, 8, 50, 0.1)
    # transformers has one dropout for both.
    assert config_of(HUGGING_FACE | {"dropout": 0.3}).attention_probs_dropout_prob == 0.3
    assert config_of(HUGGING_FACE | {"dropout": 0.3, "summary_last_dropout": 0.2}).head_dropout_prob == 0.2
    assert google.longest_input > 1 << 40
    assert not caplog.records


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"attn_type": "uni"}, r"attn_type must be 'bi' \(this is an XLNet encoder\); got 'uni'"),
        ({"bi_data": True}, "bi_data must be False"),
        ({"clamp_len": 64}, r"clamp_len must be -1 \(this is an XLNet encoder\); got 64"),
        ({"untie_r": False}, "untie_r must be True"),
        ({"summary_type": "first"}, "summary_type must be 'last'"),
        ({"d_head": 4}, "d_head must be d_model / n_head = 16 / 2 = 8; got 4"),
        ({"n_head": 3}, r"must be divisible by num_attention_heads; 16 % 3 = 1"),
        (
            {"n_layers": 3},
            r"unknown key 'n_layers'\. Did you mean 'n_layer'\? The keys that matter are vocab_size, d_model",
        ),
        ({"ff_activation": "gelo"}, "hidden_act must be one of .* got 'gelo'. Did you mean 'gelu'"),
    ],
)
@pytest.mark.parametrize("form", [GOOGLE, HUGGING_FACE], ids=["google", "hugging_face"])
def test_what_is_wrong_is_said(form, change, message):
    with pytest.raises(UserError, match=message):
        config_of(form | change)


def test_it_is_not_pretrained(tmp_path):
    with pytest.raises(UserError, match="XLNet learns by permutations, which are not built here"):
        families.get("xlnet").build(config_of(GOOGLE), for_pretraining=True)


def test_googles_checkpoints_stack_the_biases(tmp_path):
    """The names are those of zihangdai/xlnet, its slip included; a classifier's layer is named by the task."""
    config = config_of(GOOGLE)
    arrays = random_weights(config, ("classifier",))
    written = str(tmp_path / "written")
    convert.convert(source_of(arrays, families.get("xlnet")), config, written, "tf1")
    reader = tf.train.load_checkpoint(written)
    shapes = reader.get_variable_to_shape_map()
    assert shapes["model/transformer/r_w_bias"] == [3, 2, 8]
    assert shapes["model/transformer/seg_embed"] == [3, 2, 2, 8]
    assert shapes["model/transformer/mask_emb/mask_emb"] == [1, 1, 16]
    assert shapes["model/transformer/layer_0/rel_attn/q/kernel"] == [16, 2, 8]
    assert shapes["model/transformer/layer_2/ff/layer_1/kernel"] == [16, 32]
    assert shapes["model/sequnece_summary/summary/kernel"] == [16, 16]
    assert shapes["model/classification_task/logit/kernel"] == [16, 3]
    np.testing.assert_array_equal(
        reader.get_tensor("model/transformer/r_s_bias")[1], arrays["model/transformer/layer_1/rel_attn/r_s_bias"]
    )
    # As a training of theirs leaves it: the task's own name, the optimizer, the layer of the language model.
    theirs_of = {name.replace("classification_task", "regression_sts-b"): reader.get_tensor(name) for name in shapes}
    theirs_of |= {"model/lm_loss/bias": np.zeros(50, np.float32), "global_step": np.int64(9)}
    theirs_of |= {"model/transformer/r_w_bias/Adam": np.zeros([3, 2, 8], np.float32)}
    path = str(tmp_path / "model.ckpt-9")
    values = [tf.constant(value) for value in theirs_of.values()]
    tf.raw_ops.SaveV2(prefix=path, tensor_names=list(theirs_of), shape_and_slices=[""] * len(values), tensors=values)
    source = open_source(path)
    assert (source.family.name, source.step, source.optimizer_slots, source.others) == ("xlnet", 9, 2, ["model/lm_loss/bias"])
    for name, array in arrays.items():
        np.testing.assert_array_equal(source.tensors[name].read(), array, name)


@pytest.mark.parametrize("to", ["tf2", "tf1", "huggingface"])
def test_weights_of_another_family_are_told(tmp_path, to):
    xlnet = config_of(GOOGLE)
    bert = BertConfig(50, hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32)
    for config, other, what in ((xlnet, bert, "XLNet"), (bert, xlnet, "BERT")):
        path = str(tmp_path / what)
        convert.convert(source_of(random_weights(config), family_of(config)), config, path, to)
        with pytest.raises(UserError, match=f"is a checkpoint of {what}, the configuration is one of"):
            check_fits(open_source(path), other)


@pytest.mark.parametrize("kind", ["span", "tagger", "multiple_choice"])
def test_the_models_of_transformers_for_other_tasks(tmp_path, kind):
    config, family = config_of(GOOGLE), families.get("xlnet")
    head = "span" if kind == "span" else "classifier"
    arrays = random_weights(config, (head,), classes=1 if kind == "multiple_choice" else 3)
    folder = str(tmp_path / "folder")
    convert.convert(source_of(arrays, family), config, folder, "huggingface", kind=kind)
    right = inputs_of(config)
    left = left_padded(right)
    encoder = family.build(config)
    assert load_encoder_weights(encoder, folder, config).mismatched == []
    if kind == "multiple_choice":
        asked = {name: value[tf.newaxis] for name, value in their_inputs(left).items()}
        logits = encoder(right)["pooled_output"] @ arrays["output_weights"].T + arrays["output_bias"]
        np.testing.assert_allclose(theirs(folder)(asked).logits[0], logits[:, 0], atol=1e-5)
        return
    found = theirs(folder)(their_inputs(left))
    hidden, name = encoder(left)["sequence_output"], "cls/squad/" if kind == "span" else ""
    logits = (hidden @ arrays[f"{name}output_weights"].T + arrays[f"{name}output_bias"]).numpy()
    within = left["input_mask"].numpy() == 1
    expected = found.logits.numpy() if kind == "tagger" else np.stack([found.start_logits, found.end_logits], axis=-1)
    np.testing.assert_allclose(logits[within], expected[within], atol=1e-5)


def test_the_gardens_checkpoints_are_read(tmp_path):
    """`XLNetClassifier` of the model garden: stacked biases, another order of axes, its head's layer as the summary's."""
    modeling = pytest.importorskip("official.nlp.modeling")
    config = config_of(GOOGLE | {"ff_activation": "relu"})
    network = modeling.networks.XLNetBase(
        vocab_size=config.vocab_size,
        num_layers=config.num_hidden_layers,
        hidden_size=config.hidden_size,
        num_attention_heads=config.num_attention_heads,
        head_size=config.head_size,
        inner_size=config.intermediate_size,
        dropout_rate=0.0,
        attention_dropout_rate=0.0,
        attention_type="bi",
        bi_data=False,
        initializer=tf_keras.initializers.TruncatedNormal(stddev=0.3, seed=1),
        two_stream=False,
        tie_attention_biases=False,
        clamp_length=-1,
        reuse_length=None,
        memory_length=None,
        inner_activation="relu",
    )
    other = modeling.models.XLNetClassifier(
        network, num_classes=3, initializer=tf_keras.initializers.TruncatedNormal(stddev=0.3, seed=2), dropout_rate=0.0
    )
    right = inputs_of(config)
    left = left_padded(right)

    def asked():
        # Whatever their comments say, their mask is 1 for what can be attended to.
        return other(left | {"input_mask": tf.cast(left["input_mask"], tf.float32)})

    asked()
    rng = np.random.default_rng(3)
    other.set_weights([value + rng.normal(scale=0.3, size=value.shape) for value in other.get_weights()])
    expected = asked()
    path = tf.train.Checkpoint(model=other).write(str(tmp_path / "garden"))
    source = open_source(path)
    assert (source.family.name, source.others) == ("xlnet", [])
    encoder = families.get("xlnet").build(config, output_range=1)
    model = ClassificationTask(["a", "b", "c"]).build_model(encoder)
    report = load_encoder_weights(encoder, source, config, head_model=model)
    assert report.missing == ["model/transformer/mask_emb/mask_emb"]
    np.testing.assert_allclose(model(right, training=False), expected, atol=1e-5)
    # The encoder alone, as its pre-training saves it.
    alone = open_source(tf.train.Checkpoint(model=network).write(str(tmp_path / "alone")))
    assert alone.family.weights.blocks_in(alone.shapes) == 3
    convert.convert(alone, config, str(tmp_path / "tf1"), "tf1")
