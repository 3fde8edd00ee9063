"""Texts in patterns: what is cut, where masks stand, and the same in the graph."""

import json
import pathlib
import types

import numpy as np
import pytest
import tensorflow as tf

from bert_tf2.errors import UserError
from bert_tf2.exporting.exported_model import ExportedModel
from bert_tf2.exporting.tokenizer_files import template_settings
from bert_tf2.tasks.classification.prompting.in_graph import InGraphPrompts
from bert_tf2.tasks.classification.prompting.packing import text_packer
from bert_tf2.tasks.classification.prompting.prompts import Prompts
from bert_tf2.tasks.classification.prompting.rule import PromptRule, rule_of
from bert_tf2.text.tokenizer import load_tokenizer

SINGLE = ("{text} It was [MASK].", "[MASK]: {text}", "was it [MASK] ? [SEP] {text}")
PAIRS = ("{text_a} ? [SEP] [MASK] , {text_b}", "{text_b} [MASK]{text_a}", "{text_a} [SEP] {text_b} was [MASK] !")
SOFT = ("[P] {text} [P*2] [MASK].", "{text} [P:the movie] [MASK] [SEP] [P:good] was")
TEXTS = ["the movie was good", "", "a [MASK] in the text", "very " * 30, "good . . bad", "é x7", "so-so!"]


def rule(tokenizer, patterns, **words) -> PromptRule:
    words = words or {"yes": ("good",), "no": ("bad",)}
    return rule_of(Prompts(patterns, words, True), tokenizer, list(words), 16, "prompts.yaml")


@pytest.fixture(params=["wordpiece", "byte-level"])
def tokenizer(request, tiny_vocab_file, byte_level_folder):
    return load_tokenizer(vocab_file=tiny_vocab_file if request.param == "wordpiece" else byte_level_folder)


@pytest.mark.parametrize("patterns", [SINGLE, PAIRS], ids=["single", "pairs"])
def test_in_the_graph_inputs_are_the_same(tokenizer, patterns):
    texts_b: list = [None] * len(TEXTS) if patterns is SINGLE else TEXTS[::-1]
    prompts = rule(tokenizer, patterns)
    packed = text_packer(prompts, tokenizer, 16)(TEXTS, texts_b)
    found = InGraphPrompts(prompts, tokenizer, 16)(tf.constant(TEXTS), None if patterns is SINGLE else tf.constant(texts_b))
    ids, mask, types = (found[name].numpy() for name in ("input_word_ids", "input_mask", "input_type_ids"))
    for row, inputs in enumerate(packed):
        for number, (wanted, first) in enumerate(zip(inputs.ids, inputs.first)):
            length = len(wanted)
            assert length <= 16
            # The pattern is whole, and its masks are the only ones.
            assert wanted.count(prompts.mask_id) == prompts.masks
            assert (wanted, [1] * length) == (ids[row, number, :length].tolist(), mask[row, number, :length].tolist())
            assert mask[row, number, length:].sum() == 0
            assert types[row, number, :length].tolist() == tokenizer.template.segment_ids(first, length)


def with_free_tokens(tmp_path, tiny_vocab_file, *free):
    path = tmp_path / "free.txt"
    path.write_text(pathlib.Path(tiny_vocab_file).read_text() + "".join(f"{token}\n" for token in free))
    return str(path)


def test_vectors_have_the_free_tokens_in_every_form_of_the_inputs(tmp_path, tiny_vocab_file):
    """In records, in the graph, and in the program that exports carry; numbered as the vocabulary numbers them."""
    free = [f"[unused{number}]" for number in (10, 9, 1, 2, 3, 4)]
    tokenizer = load_tokenizer(vocab_file=with_free_tokens(tmp_path, tiny_vocab_file, *free))
    prompts = rule(tokenizer, SOFT)
    ids = {token: tokenizer.vocabulary[token] for token in (*free, "the", "movie", "good")}
    first, *others = [ids[f"[unused{number}]"] for number in (1, 2, 3, 4, 9, 10)]
    begins = [None, None, None, ids["the"], ids["movie"], ids["good"]]
    told = [pair for of_pattern in prompts.vectors for place in of_pattern for pair in place]
    assert told == list(zip([first, *others], begins))
    meta = types.SimpleNamespace(extra={"prompts": json.loads(json.dumps(prompts.facts))}, label_list=["yes", "no"])
    assert PromptRule.of(meta) == prompts
    meta.extra["prompts"]["vectors"][0].pop()
    with pytest.raises(UserError, match="its vectors are not those of the patterns"):
        PromptRule.of(meta)

    packed = text_packer(prompts, tokenizer, 16)(TEXTS, [None] * len(TEXTS))
    assert [tokenizer.id_to_token(id) for id in packed[1].ids[1]] == [
        "[CLS]", "[unused4]", "[unused9]", "[MASK]", "[SEP]", "[unused10]", "was", "[SEP]",
    ]  # fmt: skip
    in_graph = InGraphPrompts(prompts, tokenizer, 16)(tf.constant(TEXTS))["input_word_ids"].numpy()
    exported = ExportedModel.__new__(ExportedModel)
    exported.settings = {"tokenizer": {"kind": "wordpiece", "unk_id": tokenizer.unk_id}, "max_seq_length": 16}
    exported.facts, exported.template = {**prompts.facts, "pattern": None}, template_settings(tokenizer)
    exported.tokenizer = types.SimpleNamespace(ids=tokenizer.encode)
    for text, inputs, row in zip(TEXTS, packed, in_graph):
        assert [ids for ids, _ in exported.rows(text)] == [list(one) for one in inputs.ids]
        assert [[id for id in ids if id] for ids in row.tolist()] == [list(one) for one in inputs.ids]
    exported.facts["pattern"] = 2
    assert [ids for ids, _ in exported.rows("good")] == [text_packer(prompts, tokenizer, 16)(["good"], [None])[0].ids[1]]


def test_byte_level_vocabularies_have_no_free_tokens(byte_level_folder):
    with pytest.raises(UserError, match="has no free tokens"):
        rule(load_tokenizer(vocab_file=byte_level_folder), ("[P] {text} [MASK]",))


def test_what_is_cut_is_the_longer_text(tiny_vocab_file):
    tokenizer = load_tokenizer(vocab_file=tiny_vocab_file)
    pack = text_packer(rule(tokenizer, ("{text_a} ? [SEP] [MASK] {text_b}",)), tokenizer, 12)
    (found,) = pack(["the movie was very very good"], ["good bad"])
    assert [tokenizer.id_to_token(id) for id in found.ids[0]] == [
        "[CLS]", "the", "movie", "was", "very", "very", "[UNK]", "[SEP]", "[MASK]", "good", "bad", "[SEP]",
    ]  # fmt: skip
    assert (found.first, found.lost, found.tokens) == ([8], 1, 8)
    assert "is a single text" in pack(["a"], [None])[0]


def test_in_byte_level_bpe_spaces_are_as_in_the_whole_text(byte_level_folder):
    """Before a mask there is none, as in RoBERTa's own tokenizer."""
    from transformers import RobertaTokenizerFast

    tokenizer, theirs = load_tokenizer(vocab_file=byte_level_folder), RobertaTokenizerFast.from_pretrained(byte_level_folder)
    prompts = rule(tokenizer, ("It was [MASK]. {text} the movie",), yes=("good",), no=("bad",))
    (found,) = text_packer(prompts, tokenizer, 40)(["very good"], [None])
    masks = theirs.mask_token * prompts.masks
    assert found.ids[0] == theirs(f"It was {masks}. very good the movie")["input_ids"]
    assert prompts.verbalizer_ids[0][0] == tuple(theirs(" good", add_special_tokens=False)["input_ids"])


def test_the_loss_is_the_mean_over_patterns(tiny_vocab_file):
    """And with weights of labels it is divided by them, as without patterns."""
    from bert_tf2.models.config import BertConfig
    from bert_tf2.tasks.classification.label_loss import ClassLoss
    from bert_tf2.tasks.classification.prompting.task import PromptTask

    tokenizer, rng = load_tokenizer(vocab_file=tiny_vocab_file), np.random.default_rng(0)
    config = BertConfig(vocab_size=tokenizer.vocab_size)
    scores, labels, weights = rng.normal(size=(5, 3, 2)).astype(np.float32), np.array([0, 1, 1, 0, 1]), np.array([1, 2, 0, 1, 1])
    batch = {"label_ids": tf.constant(labels, tf.int32), "example_weight": tf.constant(weights, tf.float32)}
    losses = -np.take_along_axis(scores - np.logaddexp.reduce(scores, axis=2, keepdims=True), labels[:, None, None], axis=2)[
        ..., 0
    ]
    for of_labels in (None, [1.0, 3.0]):
        label_loss = None if of_labels is None else ClassLoss(["yes", "no"], of_labels)
        task = PromptTask(["yes", "no"], [], config, rule(tokenizer, SINGLE), label_loss=label_loss)
        whole = weights * (1 if of_labels is None else np.array(of_labels)[labels])
        found = task.loss(tf.constant(scores), batch, task.loss_denominators(batch)).numpy()
        assert found == pytest.approx((losses.mean(axis=1) * whole).sum() / whole.sum(), rel=1e-5)
    means = np.exp(task.logits(tf.constant(scores)).numpy())
    chances = np.exp(scores) / np.exp(scores).sum(axis=2, keepdims=True)
    np.testing.assert_allclose(means, chances.mean(axis=1), rtol=1e-5)
