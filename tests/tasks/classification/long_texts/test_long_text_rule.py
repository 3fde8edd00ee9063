"""What happens to the tokens of long texts: every token stands in some window, and head and tail are those of the paper."""

import itertools
import random

import pytest
import templates

from bert_tf2.data.encoding import input_encoder
from bert_tf2.data.examples import pack_ids
from bert_tf2.data.records.metadata import CLASSIFICATION, MetaData
from bert_tf2.data.records.wire_format import varints
from bert_tf2.errors import UserError
from bert_tf2.tasks.classification.long_texts.options import LongTextOptions
from bert_tf2.tasks.classification.long_texts.rule import TRUNCATED, LongText, pack, windows
from bert_tf2.text.template import bert_template
from bert_tf2.text.wordpiece import WordPieceTokenizer

TEMPLATE = bert_template(101, 102)


def test_windows_cover_every_token_and_none_is_short():
    generator = random.Random(1)
    for _ in range(2000):
        room = generator.randint(1, 60)
        overlap, tokens, most = generator.randrange(room), room + generator.randint(1, 300), generator.randint(1, 40)
        starts, lost = windows(tokens, room, overlap, most)
        covered = {token for start in starts for token in range(start, start + room)}
        assert covered == set(range(tokens - lost))
        assert len(starts) <= most
        shared = [start + room - following for start, following in itertools.pairwise(starts)]
        # The last window of a text overlaps the one before it by more.
        assert set(shared[:-1]) <= {overlap}
        assert not shared or shared[-1] >= overlap
        if lost:
            assert len(starts) == most


@pytest.mark.parametrize("template", templates.NAMES)
def test_windows_of_pairs_hold_the_shorter_text_whole(tiny_vocab_file, template):
    template = templates.with_template(WordPieceTokenizer(tiny_vocab_file), template).template
    generator, seen = random.Random(2), set()
    for _ in range(500):
        ids_a = [1000 + number for number in range(generator.randint(0, 40))]
        ids_b = [2000 + number for number in range(generator.randint(0, 40))]
        rule = LongText("windows", None, generator.randint(0, 6), 64)
        packed = pack(ids_a, ids_b, template, 24, rule)
        if isinstance(packed, str):
            assert min(len(ids_a), len(ids_b)) > 24 - template.special_tokens_of_pair - 1 - rule.window_overlap
            seen.add("refused")
            continue
        whole = min(ids_a, ids_b, key=len)
        special = set(template.special_ids)
        for ids, first in zip(packed.ids, packed.first):
            assert len(ids) <= 24
            texts = [[id for id in part if id not in special] for part in (ids[:first], ids[first:])]
            if len(packed.ids) > 1 and ids_b:
                assert whole in texts
            assert template.segment_ids(first, len(ids))[: first - 1] == [template.segments[0]] * (first - 1)
        assert packed.lost == 0
        assert {id for ids in packed.ids for id in ids} - special == {*ids_a, *ids_b}
        seen.add("several" if len(packed.ids) > 1 else "one")
    assert seen == {"refused", "several", "one"}


def test_a_text_that_fits_is_packed_as_ever():
    rule = LongText("windows", None, 2, 8)
    assert pack([7, 8], [9], TEMPLATE, 8, rule) == pack([7, 8], [9], TEMPLATE, 8, TRUNCATED)
    assert pack([], None, TEMPLATE, 8, rule).ids == [[101, 102]]


def test_head_and_tail_are_those_of_the_paper():
    """Sun et al. 2019, section 5.3.1: of 510 tokens the first 128 and the last 382."""
    rule = LongText.of_options(LongTextOptions(long_text="head_tail"), 512)
    text = list(range(1000, 1700))
    packed = pack(text, None, TEMPLATE, 512, rule)
    assert packed.ids == [[101, *text[:128], *text[-382:], 102]]
    assert packed.lost == 190


@pytest.mark.parametrize("share", [None, 0.0, 0.25, 0.6, 1.0])
@pytest.mark.parametrize("template", templates.NAMES)
def test_bytes_of_heads_and_tails_are_those_of_the_ids(tiny_vocab_file, template, share):
    tokenizer = templates.with_template(WordPieceTokenizer(tiny_vocab_file), template)
    generator = random.Random(3)
    for _ in range(200):
        most = generator.randint(6, 20)
        text_a, text_b = (" ".join(generator.choices(["the", "movie", "ab!"], k=generator.randint(0, 12))) for _ in range(2))
        ids_a, ids_b = tokenizer.encode(text_a), tokenizer.encode(text_b)
        ids, first, cut = pack_ids(ids_a, ids_b, tokenizer.template, most, share)
        (encoded,) = input_encoder(tokenizer, most, share)([text_a], [text_b])
        assert encoded[:3] == (varints(ids), len(ids), first)
        special = set(tokenizer.template.special_ids)
        assert encoded[3] == len(ids_a) + len(ids_b) - sum(id not in special for id in ids)
        assert bool(encoded[3]) == cut
        if share == 1:
            assert (ids, first, cut) == pack_ids(ids_a, ids_b, tokenizer.template, most)


def test_metadata_say_nothing_of_truncation_and_everything_of_windows():
    assert LongText.of_options(LongTextOptions(), 128).facts == {}
    rule = LongText.of_options(LongTextOptions(long_text="windows", max_windows=7), 128)
    assert rule.facts == {"long_text": "windows", "window_overlap": 32, "max_windows": 7}
    assert LongText.of(MetaData(CLASSIFICATION, 128, {}, extra=rule.facts)) == rule
    assert LongText.of(MetaData(CLASSIFICATION, 128, {})) == TRUNCATED
    for wrong in ({"long_text": "windows"}, {"long_text": "half"}, {"long_text": "head_tail", "head_share": "a"}):
        with pytest.raises(UserError, match="prepare the data again"):
            LongText.of(MetaData(CLASSIFICATION, 128, {}, extra=wrong))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"window_overlap": 8}, "--window_overlap belongs to --long_text=windows; with truncate it can do nothing"),
        ({"long_text": "head_tail", "max_windows": 8}, "--max_windows belongs to --long_text=windows; with head_tail"),
        ({"long_text": "windows", "head_share": 0.5}, "--head_share belongs to --long_text=head_tail; with windows"),
    ],
)
def test_what_belongs_to_another_way_is_refused(given, told):
    with pytest.raises(UserError, match=told):
        LongText.of_options(LongTextOptions(**given), 128)


def test_windows_that_do_not_advance_are_refused():
    with pytest.raises(UserError, match="--window_overlap=126 must be less than the 126 tokens of text in a window of"):
        LongText("windows", None, 126, 8).check(TEMPLATE, 128)
    LongText("windows", None, 125, 8).check(TEMPLATE, 128)
