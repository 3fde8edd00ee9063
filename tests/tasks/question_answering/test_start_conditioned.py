"""XLNet's head for answers: against its formulas in NumPy, against transformers' class, and from logits to answers."""

import numpy as np
import pytest
import tensorflow as tf
from templates import NAMES, with_template

from bert_tf2.errors import JobError, UserError
from bert_tf2.models.checkpoints import convert, open_source
from bert_tf2.models.checkpoints.loading import load_encoder_weights
from bert_tf2.models.checkpoints.source import Source, StoredTensor
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder_parts import INPUT_NAMES
from bert_tf2.models.families import names
from bert_tf2.models.families.base import config_of, family_of
from bert_tf2.tasks.question_answering.decoding import DecodingOptions
from bert_tf2.tasks.question_answering.squad import Answer, Paragraph, Question
from bert_tf2.tasks.question_answering.start_conditioned.decoding import decode_conditioned
from bert_tf2.tasks.question_answering.start_conditioned.places import context_tokens
from bert_tf2.tasks.question_answering.start_conditioned.task import StartConditionedTask
from bert_tf2.tasks.question_answering.windows import WindowOptions, make_questions
from bert_tf2.text.wordpiece import WordPieceTokenizer

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
    assert not any(report[which] for which in ("missing_keys", "unexpected_keys", "mismatched_keys"))
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


# No family has its second segment first.
@pytest.mark.parametrize("name", [name for name in NAMES if name != "two around"])
def test_the_context_is_known_by_the_ids_and_segments(name, tiny_vocab_file):
    template = with_template(WordPieceTokenizer(tiny_vocab_file, True), name).template
    lengths = [(2, 5), (1, 1), (3, 2), (0, 4)]
    width = max(map(sum, lengths)) + template.special_tokens_of_pair
    for left in (0, 3):
        inputs = {name: np.zeros((len(lengths), left + width), np.int32) for name in INPUT_NAMES}
        expected = np.zeros((len(lengths), left + width), bool)
        for row, (question, context) in enumerate(lengths):
            ids = template.packed([50 + i for i in range(question)], [60 + i for i in range(context)])
            begin = question + template.before_second
            place = slice(left, left + len(ids))
            inputs["input_word_ids"][row, place], inputs["input_mask"][row, place] = ids, 1
            inputs["input_type_ids"][row, place] = template.segment_ids(begin, len(ids))
            expected[row, left + begin : left + begin + context] = True
        found = context_tokens({name: tf.constant(value) for name, value in inputs.items()})
        np.testing.assert_array_equal(found, expected)


def windows_of(tiny_vocab_file):
    """Questions on texts in windows, of which some share tokens; the last has none."""
    rng, paragraphs = np.random.default_rng(4), []
    words = ["the", "was", "good", "bad", "very", "movie"]
    for number, context in enumerate([" ".join(rng.choice(words, rng.integers(2, 40))) for _ in range(6)] + [" \n"]):
        question = Question(id=f"q{number}", text="what was good?", answers=(Answer("x", 0),), is_impossible=False)
        paragraphs.append(Paragraph(context, (question,), ""))
    return make_questions(paragraphs, WordPieceTokenizer(tiny_vocab_file, True), WindowOptions(16, 4, 8))


@pytest.mark.parametrize("version_2", [False, True])
def test_answers_are_chosen_as_by_xlnets_script(tiny_vocab_file, version_2):
    questions = windows_of(tiny_vocab_file)
    windows, rng, options = questions.windows, np.random.default_rng(5), DecodingOptions(max_answer_length=4, version_2=version_2)
    count, (n, m) = len(windows.question), (5, 4)
    assert count > 12
    outputs = {
        "start_top_log_probs": np.sort(-rng.random((count, n)), axis=1)[:, ::-1],
        "start_top_index": np.stack([rng.permutation(16)[:n] for _ in range(count)]),
        "end_top_log_probs": np.sort(-rng.random((count, n, m)), axis=2)[:, :, ::-1],
        "end_top_index": np.stack([[rng.permutation(16)[:m] for _ in range(n)] for _ in range(count)]),
        "cls_logits": rng.normal(size=count),
    }
    outputs = {name: value.astype(np.int32 if "index" in name else np.float32) for name, value in outputs.items()}
    given = outputs if version_2 else {name: value for name, value in outputs.items() if name != "cls_logits"}
    found = decode_conditioned(questions, given, options)
    tokens_before = np.concatenate([[0], np.cumsum(windows.num_tokens)])
    for number, question in enumerate(questions.questions):
        pairs, null = [], 1000000.0
        context = questions.contexts[questions.context_of_question[number]]
        for window in np.flatnonzero(windows.question == number):
            null = min(null, float(outputs["cls_logits"][window]))
            for i in range(n):
                for j in range(m):
                    start, end = (
                        int(one) - int(windows.context_begin[window])
                        for one in (outputs["start_top_index"][window, i], outputs["end_top_index"][window, i, j])
                    )
                    tokens = int(windows.num_tokens[window])
                    if not 0 <= start < tokens or not start <= end < min(tokens, start + 4):
                        continue
                    if windows.max_context[tokens_before[window] + start]:
                        score = (
                            float(outputs["start_top_log_probs"][window, i]),
                            float(outputs["end_top_log_probs"][window, i, j]),
                        )
                        first = int(windows.first_token[window])
                        pairs.append((sum(score), context.starts[first + start], context.ends[first + end], score))
        pairs.sort(key=lambda pair: -pair[0])
        texts = {}
        for _, begin, end, score in pairs:
            texts.setdefault(context.text[begin:end], score)
        best = next(iter(texts), "")
        assert found.best_non_null[question.id] == best
        assert found.predictions[question.id] == ("" if version_2 and null > 0 else best)
        shown = [(entry["text"], entry["start_log_prob"], entry["end_log_prob"]) for entry in found.nbest[question.id]]
        assert shown == ([(text, *score) for text, score in texts.items()][:20] or [("", -1e6, -1e6)])
        if version_2:
            assert found.null_odds[question.id] == pytest.approx(null)
    if version_2:
        assert len({text == "" for text in found.predictions.values()}) == 2
    nothing = make_questions(
        [Paragraph(" ", (questions.questions[0],), "")], WordPieceTokenizer(tiny_vocab_file), WindowOptions()
    )
    assert decode_conditioned(nothing, {name: value[:0] for name, value in given.items()}, options).predictions == {"q0": ""}
    outputs["end_top_log_probs"][3, 2, 1] = np.nan
    with pytest.raises(JobError, match="the model's logits for question q0 are not finite"):
        decode_conditioned(questions, given | {"end_top_log_probs": outputs["end_top_log_probs"]}, options)


def test_a_row_may_be_shorter_than_so_many_places(made):
    _, _, arrays, config = made
    task = StartConditionedTask(DecodingOptions(version_2=True), config, start_n_top=40, end_n_top=30)
    encoder = family_of(config).build(config)
    model = task.build_model(encoder)
    load_encoder_weights(encoder, source_of(arrays, config), config, head_model=model)
    inputs = {name: tf.constant(value) for name, value in rows().items()}
    plain = {name: value.numpy() for name, value in model(inputs, training=False).items()}
    compiled = tf.function(lambda some: model(some, training=False), jit_compile=True)(inputs)
    allowed = p_mask_of() == 0
    for row in range(len(LENGTHS)):
        kept = allowed[row].sum()
        assert sorted(plain["start_top_index"][row, :kept]) == list(np.flatnonzero(allowed[row]))
        assert (plain["start_top_log_probs"][row, kept:] < -1e29).all()
        assert np.exp(plain["start_top_log_probs"][row, :kept]).sum() == pytest.approx(1, abs=1e-5)
        assert np.isfinite(plain["end_top_log_probs"][row]).all()
        # What is compiled gives the same; the places of what is masked are anybody's.
        for name in ("start_top_log_probs", "start_top_index"):
            np.testing.assert_allclose(compiled[name][row, :kept], plain[name][row, :kept], atol=1e-4)
        np.testing.assert_allclose(compiled["cls_logits"][row], plain["cls_logits"][row], atol=1e-4)


@pytest.mark.parametrize("heads", [HEADS, HEADS[:1]], ids=["2.0", "1.1"])
def test_checkpoints_of_every_form_come_back(tmp_path, heads):
    """A model of version 1.1 has no layer for answerability."""
    bert = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    for config, forms in ((config_of(XLNET), ("tf1", "tf2", "huggingface", "tf1")), (BertConfig(**bert), ("tf1", "tf2"))):
        arrays = random_weights(config, heads)
        poolers = {name for name in arrays if names.is_pooler(name)}
        source = source_of(arrays, config)
        for number, to in enumerate(forms):
            path = str(tmp_path / f"{config.form.title}_{number}")
            written = convert.convert(source, config, path, to)
            assert written.kind == "start_conditioned"
            source = open_source(path).of_family(family_of(config))
            assert source.others == []
            for name in arrays.keys() - poolers:
                np.testing.assert_array_equal(source.tensors[name].read(), arrays[name], name)
    with pytest.raises(
        UserError, match="--to=huggingface: transformers has no BERT with a start_conditioned head; give --to=tf2"
    ):
        convert.convert(source, config, str(tmp_path / "folder"), "huggingface")
