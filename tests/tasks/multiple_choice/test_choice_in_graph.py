"""Modules that take texts: the inputs of data preparation, and the answers of the model on them."""

import random

import numpy as np
import pytest
import templates
import tensorflow as tf
import tf_keras

from bert_tf2.errors import UserError
from bert_tf2.inference.choice_selector import ChoiceSelector
from bert_tf2.models.config import BertConfig
from bert_tf2.models.encoder import build_encoder
from bert_tf2.models.encoder_parts import INPUT_NAMES
from bert_tf2.tasks.multiple_choice.examples import ChoiceExample
from bert_tf2.tasks.multiple_choice.in_graph import ChoiceModule, text_export, token_ids_export
from bert_tf2.tasks.multiple_choice.model import build_choice_model
from bert_tf2.tasks.multiple_choice.packing import ChoicePacker
from bert_tf2.tasks.multiple_choice.packing_options import PackingOptions
from bert_tf2.text.tokenizer import load_tokenizer
from bert_tf2.training.export import save_module


@pytest.fixture
def tokenizer(tiny_vocab_file):
    return load_tokenizer(vocab_file=tiny_vocab_file, do_lower_case=True)


@pytest.fixture
def model(tiny_config_dict):
    return model_of(tiny_config_dict)


def model_of(config):
    tf_keras.utils.set_random_seed(3)
    model = build_choice_model(build_encoder(BertConfig(**config), output_range=1), 0.1, 0.02)
    rng = np.random.default_rng(3)
    model.set_weights([value + rng.normal(scale=0.2, size=value.shape) for value in model.get_weights()])
    return model


def questions(seed, count, fills_blank):
    """Questions of all sorts: without context or question, with blanks, other scripts and marks, 2 to 4 choices."""
    chance = random.Random(seed)
    words = ["the", "Movie", "was", "good", "very", "!", ".", "👩‍👩‍👧", "e\u0301", "שלום", "中国", "zebra"]

    def text(least, most):
        return " ".join(chance.choices(words, k=chance.randint(least, most)))

    made = []
    for _ in range(count):
        context, question = text(0, 15), text(0, 8)
        if fills_blank and chance.random() < 0.6:
            question = chance.choice(["_ {}", "{} _", "{} __ {}", "_ {} _", "_"]).replace("{}", question)
        if not context and not question:
            context = "the"
        choices = tuple(f"{chance.choice(words[:6])} {text(0, 4)}" for _ in range(chance.randint(2, 4)))
        made.append(ChoiceExample(0, "0", context, question, choices, None, "", fills_blank))
    return made


def as_arguments(examples):
    most = max(len(example.choices) for example in examples)
    return (
        tf.constant([example.context for example in examples], tf.string),
        tf.constant([example.question for example in examples], tf.string),
        tf.constant([[*example.choices, *[""] * (most - len(example.choices))] for example in examples], tf.string),
    )


@pytest.mark.parametrize(("fills_blank", "most"), [(False, None), (True, 9)])
def test_answers_are_those_on_prepared_inputs(tokenizer, model, fills_blank, most):
    assert_answers_are_those_on_prepared_inputs(tokenizer, model, fills_blank, most)


@pytest.mark.parametrize("template", templates.NAMES[1:])
def test_templates_of_inputs(tokenizer, model, template):
    assert_answers_are_those_on_prepared_inputs(templates.with_template(tokenizer, template), model, False, 9)


def test_inputs_of_byte_level_bpe(byte_level_folder, tiny_config_dict):
    fills_blank = True
    tokenizer = load_tokenizer(vocab_file=byte_level_folder)
    model = model_of(tiny_config_dict | {"vocab_size": tokenizer.vocab_size, "max_position_embeddings": 128})
    assert_answers_are_those_on_prepared_inputs(tokenizer, model, fills_blank, 30, length=90)


def assert_answers_are_those_on_prepared_inputs(tokenizer, model, fills_blank, most, length=None):
    options = PackingOptions(length or (40 if most is None else 20), most)
    examples = [one for one in questions(5, 120, fills_blank) if one.context or not fills_blank]
    packed = ChoicePacker(tokenizer, options)(examples)
    # Which of two equal choices is the better one the last bit of a sum says.
    usable = [(example, one) for example, one in zip(examples, packed) if not isinstance(one, str) and not one.is_ambiguous]
    assert len(usable) > 60
    examples, packed = zip(*usable)
    module = ChoiceModule(model, tokenizer, options, fills_blank)
    answered = module.choose(*as_arguments(examples))
    shape = [len(examples), 4, options.max_seq_length]
    arrays = {name: np.zeros(shape, np.int32) for name in INPUT_NAMES}
    for row, inputs in enumerate(packed):
        for choice, (ids, first) in enumerate(zip(inputs.ids, inputs.first)):
            arrays["input_word_ids"][row, choice, : len(ids)] = ids
            arrays["input_mask"][row, choice, : len(ids)] = 1
            arrays["input_type_ids"][row, choice, : len(ids)] = tokenizer.template.segment_ids(first, len(ids))
    expected = tf.nn.softmax(model(arrays, training=False)).numpy()
    np.testing.assert_allclose(answered["probabilities"], expected, atol=1e-5)
    np.testing.assert_array_equal(answered["prediction"], expected.argmax(1))
    names = [example.choices[best].encode() for example, best in zip(examples, expected.argmax(1))]
    assert answered["choice"].numpy().tolist() == names


def test_what_is_cut_where_nothing_was_said(tokenizer, model):
    # What preparation refuses is cut to its last tokens.
    module = ChoiceModule(model, tokenizer, PackingOptions(9), False)
    inputs = module._inputs(tf.constant(["the movie"]), tf.constant(["was very"]), tf.constant(["very very good . ! ,"]), [0])
    shown = [tokenizer.id_to_token(id) for id in inputs["input_word_ids"][0].numpy()]
    assert " ".join(shown) == "[CLS] [SEP] very very good . ! , [SEP]"


def test_saved_modules_answer_the_same(tokenizer, model, tmp_path):
    options = PackingOptions(32)
    examples = questions(7, 9, False)
    for name, export in (("ids", token_ids_export(model)), ("texts", text_export(model, tokenizer, options, False))):
        save_module(export.module, str(tmp_path / name), export.signatures)
    loaded = tf.saved_model.load(str(tmp_path / "texts")).signatures["serving_default"]
    context, question, choices = as_arguments(examples)
    answered = loaded(context=context, question=question, choices=choices)
    module = ChoiceModule(model, tokenizer, options, False)
    expected = module.choose(context, question, choices)
    assert set(answered) == {"probabilities", "prediction", "choice"}
    np.testing.assert_allclose(answered["probabilities"], expected["probabilities"], atol=1e-6)

    selector = ChoiceSelector.from_saved_model(str(tmp_path / "texts"))
    chosen = selector.choose_all([(one.context, one.question, one.choices) for one in examples], batch_size=4)
    for row, (choice, example) in enumerate(zip(chosen, examples)):
        number = int(expected["prediction"][row])
        assert (choice.number, choice.text) == (number, example.choices[number])
        assert choice.probability == pytest.approx(float(expected["probabilities"][row, number]), abs=1e-6)
        assert len(choice.probabilities) == len(example.choices)
    assert (
        selector.choose("was \ud83d", ["good", "bad"]).probabilities
        == selector.choose("was \ufffd", ["good", "bad"]).probabilities
    )
    for choices in ([], ["good", " "]):
        with pytest.raises(ValueError, match="a question needs choices, none of them blank"):
            selector.choose("was", choices)
    for path, message in (
        ("ids", "takes token ids .*, not text; give"),
        (".", "is not a SavedModel"),
        ("x", "no such directory"),
    ):
        with pytest.raises(UserError, match=message):
            ChoiceSelector.from_saved_model(str(tmp_path / path))

    # Nothing is answered by nothing.
    for rows, most in ((0, 0), (0, 3), (2, 0), (2, 2)):
        empty = tf.fill([rows], "")
        nothing = loaded(context=empty, question=empty, choices=tf.fill([rows, most], " "))
        assert nothing["probabilities"].shape == (rows, most)
        assert not nothing["probabilities"].numpy().any()
        assert nothing["prediction"].numpy().tolist() == [-1] * rows
        assert nothing["choice"].numpy().tolist() == [b""] * rows

    ids = tf.saved_model.load(str(tmp_path / "ids")).signatures["serving_default"]
    mask = np.zeros((2, 3, 5), np.int32)
    mask[0, :2, :4], mask[1, :3, :5] = 1, 1
    found = ids(input_word_ids=tf.constant(mask * 7), input_mask=tf.constant(mask), input_type_ids=tf.constant(mask * 0))
    np.testing.assert_allclose(np.sum(found["probabilities"], axis=1), 1, atol=1e-6)
    assert found["probabilities"].numpy()[0, 2] == 0
