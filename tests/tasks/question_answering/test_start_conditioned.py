"""XLNet's head for answers: against its formulas in NumPy, against transformers' class, and from logits to answers."""

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.models.checkpoints import convert, open_source
from bert_tf2.models.checkpoints.loading import load_encoder_weights
from bert_tf2.models.checkpoints.source import Source, StoredTensor
from bert_tf2.models.families import names
from bert_tf2.models.families.base import config_of, family_of
from bert_tf2.tasks.question_answering.decoding import DecodingOptions
from bert_tf2.tasks.question_answering.start_conditioned.places import context_tokens
from bert_tf2.tasks.question_answering.start_conditioned.task import StartConditionedTask

XLNET = {
    "d_head": 8,
    "d_inner": 32,
    "d_model": 16,
    "ff_activation": "gelu",
    "n_head": 2,
    "n_layer": 2,
    "n_token": 50,
    "untie_r": True,
    "dropout": 0.0,
}
HEADS = ("start_conditioned", "answerability")
LENGTHS = (12, 10, 9)
# The first context token and the one behind the last of each row, as XLNet's template has them: q q <sep> c … <sep> <cls>.
CONTEXT = 3


def rows(lengths=LENGTHS, length=12, seed=1):
    """Rows as XLNet's, padded behind."""
    rng = np.random.default_rng(seed)
    mask = (np.arange(length) < np.array(lengths)[:, np.newaxis]).astype(np.int32)
    ids = rng.integers(10, 50, mask.shape)
    types = np.zeros_like(mask)
    for row, end in enumerate(lengths):
        ids[row, CONTEXT - 1], ids[row, end - 2], ids[row, end - 1] = 4, 4, 3
        types[row, CONTEXT : end - 1], types[row, end - 1] = 1, 2
    inputs = {"input_word_ids": ids * mask, "input_mask": mask, "input_type_ids": types}
    return {name: tf.constant(value, tf.int32) for name, value in inputs.items()}


def random_weights(config, heads=HEADS):
    rng = np.random.default_rng(2)
    weights = [*family_of(config).weights.of(config), *(weight for head in heads for weight in names.HEADS[head].weights)]
    shapes = {weight.name: [1 if field == "one" else getattr(config, field) for field in weight.shape] for weight in weights}
    return {name: rng.normal(0.0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}


def source_of(arrays, config):
    tensors = {name: StoredTensor(name, array.shape, lambda array=array: array) for name, array in arrays.items()}
    return Source("tf1", "memory", tensors, family=family_of(config))


@pytest.fixture(scope="module")
def made():
    """A task of version 2.0, its model, and the arrays of its weights."""
    config = config_of(XLNET)
    arrays = random_weights(config)
    task = StartConditionedTask(DecodingOptions(version_2=True), config, start_n_top=4, end_n_top=3)
    encoder = family_of(config).build(config)
    model = task.build_model(encoder)
    assert load_encoder_weights(encoder, source_of(arrays, config), config, head_model=model).missing == []
    return task, model, arrays, config


def expected_of(hidden, arrays, p_mask, summary, starts):
    """The logits by the formulas of zihangdai/xlnet's `get_qa_outputs`; the ends for the given starts [B, n]."""

    def dense(name, value):
        return value @ arrays[f"{name}/kernel"] + arrays.get(f"{name}/bias", 0)

    def normalised(value):
        centred = value - value.mean(-1, keepdims=True)
        value = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
        return value * arrays["end_logits/LayerNorm/gamma"] + arrays["end_logits/LayerNorm/beta"]

    def masked(value, mask):
        return value * (1 - mask) - 1e30 * mask

    hidden = hidden.astype(np.float64)
    start = masked(dense("start_logits/dense", hidden)[..., 0], p_mask)
    count, length = starts.shape[1], hidden.shape[1]
    chosen = np.take_along_axis(hidden, starts[:, :, np.newaxis], 1)
    side_by_side = np.concatenate(
        [np.repeat(hidden[:, np.newaxis], count, 1), np.repeat(chosen[:, :, np.newaxis], length, 2)], axis=-1
    )
    end = dense("end_logits/dense_1", normalised(np.tanh(dense("end_logits/dense_0", side_by_side))))[..., 0]
    probabilities = np.exp(log_softmax(start))
    both = np.concatenate([np.einsum("bl,blh->bh", probabilities, hidden), hidden[np.arange(len(hidden)), summary]], axis=-1)
    answerability = dense("answer_class/dense_1", np.tanh(dense("answer_class/dense_0", both)))[:, 0]
    return start, masked(end, p_mask[:, np.newaxis]), answerability


def log_softmax(logits):
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def p_mask_of(lengths=LENGTHS, length=12):
    """1 for what is no answer's: not the context, not `<cls>`."""
    mask = np.ones((len(lengths), length))
    for row, end in enumerate(lengths):
        mask[row, CONTEXT : end - 2] = mask[row, end - 1] = 0
    return mask


def test_outputs_and_loss_are_those_of_the_formulas(made):
    task, model, arrays, _ = made
    inputs, p_mask, summary = rows(), p_mask_of(), np.array(LENGTHS) - 1
    hidden = model.layers[3](inputs)["sequence_output"].numpy()
    found = {name: value.numpy() for name, value in model(inputs, training=False).items()}
    start, end, answerability = expected_of(hidden, arrays, p_mask, summary, found["start_top_index"])
    places = np.argsort(-start, axis=1, kind="stable")[:, :4]
    np.testing.assert_array_equal(found["start_top_index"], places)
    np.testing.assert_allclose(found["start_top_log_probs"], np.take_along_axis(log_softmax(start), places, 1), atol=1e-5)
    places = np.argsort(-end, axis=2, kind="stable")[:, :, :3]
    np.testing.assert_array_equal(found["end_top_index"], places)
    np.testing.assert_allclose(found["end_top_log_probs"], np.take_along_axis(log_softmax(end), places, 2), atol=1e-5)
    np.testing.assert_allclose(found["cls_logits"], answerability, atol=1e-5)

    # The second row has no answer: its places in XLNet's own records are those of `<cls>`.
    batch = inputs | {"start_positions": tf.constant([5, 0, 3]), "end_positions": tf.constant([7, 0, 3])}
    batch["example_weight"] = tf.constant([1.0, 1.0, 0.5])
    gold_start, gold_end, impossible = np.array([5, 9, 3]), np.array([7, 9, 3]), np.array([0, 1, 0])
    start, end, answerability = expected_of(hidden, arrays, p_mask, summary, gold_start[:, np.newaxis])
    row = np.arange(3)
    losses = -(log_softmax(start)[row, gold_start] + log_softmax(end[:, 0])[row, gold_end]) / 2
    losses += 0.5 * np.log1p(np.exp(np.where(impossible, -answerability, answerability)))
    wanted = (losses * [1, 1, 0.5]).sum() / 2.5
    outputs = task.training_outputs(model, inputs, batch, training=False)
    denominators = task.loss_denominators(batch)
    assert float(task.loss(outputs, batch, denominators)) == pytest.approx(wanted, abs=1e-5)
    # Neither depends on padding, and the loss falls into shares.
    wider = {name: tf.pad(value, [[0, 0], [0, 5]]) if value.shape.rank == 2 else value for name, value in batch.items()}
    for name, value in model({name: wider[name] for name in inputs}, training=False).items():
        np.testing.assert_allclose(value, found[name], atol=1e-5, err_msg=name)
    shares = 0.0
    for some in (slice(0, 1), slice(1, 3)):
        part = {name: value[some] for name, value in wider.items()}
        outputs = task.training_outputs(model, {name: part[name] for name in inputs}, part, training=False)
        shares += float(task.loss(outputs, part, denominators))
    assert shares == pytest.approx(wanted, abs=1e-5)


def test_outputs_are_those_of_transformers(made, tmp_path):
    """Its `log_probs` are probabilities, it orders the ends otherwise, and in training it takes the gold start's vector."""
    torch = pytest.importorskip("torch", reason="the class that has this head is one of PyTorch")
    transformers = pytest.importorskip("transformers")
    task, model, arrays, config = made
    folder = str(tmp_path / "folder")
    written = convert.convert(source_of(arrays, config), config, folder, "huggingface")
    assert written.kind == "start_conditioned"
    other, report = transformers.XLNetForQuestionAnswering.from_pretrained(
        folder, start_n_top=4, end_n_top=3, output_loading_info=True
    )
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    other.eval()
    inputs = rows()
    known = {"input_word_ids": "input_ids", "input_mask": "attention_mask", "input_type_ids": "token_type_ids"}
    summary = torch.tensor([end - 1 for end in LENGTHS])
    asked = {known[name]: torch.tensor(value.numpy()).long() for name, value in inputs.items()}
    asked |= {"p_mask": torch.tensor(p_mask_of(), dtype=torch.float32), "cls_index": summary}
    with torch.no_grad():
        theirs = other(**asked)
        found = {name: value.numpy() for name, value in model(inputs, training=False).items()}
        np.testing.assert_array_equal(found["start_top_index"], theirs.start_top_index.numpy())
        np.testing.assert_allclose(np.exp(found["start_top_log_probs"]), theirs.start_top_log_probs.numpy(), atol=1e-5)
        ends = theirs.end_top_index.numpy().reshape(-1, 3, 4).transpose(0, 2, 1)
        np.testing.assert_array_equal(found["end_top_index"], ends)
        ends = theirs.end_top_log_probs.numpy().reshape(-1, 3, 4).transpose(0, 2, 1)
        np.testing.assert_allclose(np.exp(found["end_top_log_probs"]), ends, atol=1e-5)
        np.testing.assert_allclose(found["cls_logits"], theirs.cls_logits.numpy(), atol=1e-5)
        gold = {"start_positions": torch.tensor([5, 9, 3]), "end_positions": torch.tensor([7, 9, 3])}
        # Without `is_impossible` it is the loss of start and end.
        expected = float(other(**asked, **gold).loss)
        hidden = other.transformer(**{name: asked[name] for name in known.values()})[0]
        starts = torch.softmax(other.start_logits(hidden, p_mask=asked["p_mask"]), -1)
        logits = other.answer_class(hidden, start_states=torch.einsum("blh,bl->bh", hidden, starts), cls_index=summary)
        expected += 0.5 * float(torch.nn.BCEWithLogitsLoss()(logits, torch.tensor([0.0, 1.0, 0.0])))
    batch = inputs | {"start_positions": tf.constant([5, 0, 3]), "end_positions": tf.constant([7, 0, 3])}
    batch["example_weight"] = tf.ones(3)
    outputs = task.training_outputs(model, inputs, batch, training=False)
    assert float(task.loss(outputs, batch, task.loss_denominators(batch))) == pytest.approx(expected, abs=1e-5)
