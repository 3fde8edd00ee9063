"""Places of byte-level BPE's tokens inside a graph: those of `bert_tf2.text.placing`."""

import pytest
from byte_level_material import SENTENCES
from places_material import assert_same_places

from bert_tf2.text.byte_level.tokenizer import ByteLevelBPETokenizer
from bert_tf2.text.byte_level.vocabulary import ByteLevelVocabulary


@pytest.mark.parametrize("add_prefix_space", [False, True])
def test_places_of_hand_made_and_random_lines(byte_level_folder, nasty_lines, add_prefix_space):
    source = ByteLevelBPETokenizer(byte_level_folder).source
    tokenizer = ByteLevelBPETokenizer(ByteLevelVocabulary("vocab.json", source.ids, source.merges, add_prefix_space))
    assert_same_places(tokenizer, [*SENTENCES, *nasty_lines, "  a", "\ta ", " \u202f\n"])


@pytest.mark.real_data
def test_places_of_real_lines(real_data, real_lines):
    assert_same_places(ByteLevelBPETokenizer(str(real_data / "vocab" / "roberta")), real_lines[::300])


def test_bytes_that_the_vocabulary_lacks():
    ids = {token: id for id, token in enumerate(["<s>", "</s>", "<unk>", "a", "b", "ab", "Ġ"])}
    assert_same_places(ByteLevelBPETokenizer(ByteLevelVocabulary("vocab.json", ids, (("a", "b"),))), ["ab é ab", "你ab"])
