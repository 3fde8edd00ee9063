"""Documents into tokens with the beginnings of words."""

import pytest

from bert_tf2.errors import UserError
from bert_tf2.tasks.pretraining.document_tokens import DocumentEncoder, continues_word
from bert_tf2.text.byte_level.tokenizer import token_text
from bert_tf2.text.tokenizer import load_tokenizer


def words_of(tokenizer, documents) -> list[list[str]]:
    """The tokens of each word."""
    words: list[list[str]] = []
    for id, begins in zip(documents.ids.tolist(), documents.word_starts.tolist()):
        if begins:
            words.append([])
        words[-1].append(tokenizer.id_to_token(id))
    return words


def test_ids_are_the_tokenizers(tiny_vocab_file):
    tokenizer = load_tokenizer(vocab_file=tiny_vocab_file)
    blocks = [[["The movie", "was gooood!"], ["Ünïted ß \u2028 Ꮳ"]], [["a\tb c\u00a0d"]]]
    documents, counts = DocumentEncoder(tokenizer)(blocks)
    texts = ["The movie", "was gooood!", "Ünïted ß \u2028 Ꮳ", "a\tb c\u00a0d"]
    assert documents.ids.tolist() == [id for text in texts for id in tokenizer.encode(text)]
    assert documents.documents == [0, 2, 3, 4]
    assert documents.sentences == [0, *(sum(len(tokenizer.encode(t)) for t in texts[: i + 1]) for i in range(4))]
    assert (counts.documents, counts.empty_documents, counts.tokens) == (3, 0, len(documents.ids))
    assert counts.unknown_tokens == documents.ids.tolist().count(tokenizer.unk_id) > 0
    assert ["g", "##o", "##o", "##o", "##o", "##d"] in words_of(tokenizer, documents)


def test_what_has_no_tokens_is_left_out_and_counted(tiny_vocab_file):
    tokenizer = load_tokenizer(vocab_file=tiny_vocab_file)
    documents, counts = DocumentEncoder(tokenizer)([[["\u200e"], ["a", "\u200e", "b"], []], [], [["\u200d\u200d"]]])
    assert (counts.documents, counts.empty_documents) == (1, 3)
    assert documents.documents == [0, 2]
    assert documents.sentences == [0, 1, 2]
    nothing, counts = DocumentEncoder(tokenizer)([])
    assert (len(nothing), counts.documents) == (0, 0)


def test_separators_stand_between_documents(tiny_vocab_file):
    tokenizer = load_tokenizer(vocab_file=tiny_vocab_file)
    a, b, c = (tokenizer.encode(letter)[0] for letter in "abc")
    documents, _ = DocumentEncoder(tokenizer)([[["a b", "c"], ["\u200e"], ["b"]], [["c"]]], separator_id=99)
    assert documents.ids.tolist() == [a, b, c, 99, b, 99, c, 99]
    assert documents.sentences == [0, 2, 3, 4, 5, 6, 7, 8]
    assert documents.documents == [0, 3, 5, 7]


def test_a_line_end_in_a_text_is_white_space(tiny_vocab_file):
    tokenizer = load_tokenizer(vocab_file=tiny_vocab_file)
    documents, _ = DocumentEncoder(tokenizer)([[["a \n b", "c"]]])
    assert documents.sentences == [0, 2, 3]


def test_words_of_byte_level_bpe(byte_level_folder):
    tokenizer = load_tokenizer(vocab_file=byte_level_folder)
    texts = ["The movies, naïve 你好", "movie again", " a", "b"]
    documents, _ = DocumentEncoder(tokenizer)([[texts[:2]], [[], texts[2:]]])
    assert documents.ids.tolist() == [id for text in texts for id in tokenizer.encode(text)]
    words = [token_text("".join(word)) for word in words_of(tokenizer, documents)]
    assert words == ["The", " movies,", " naïve", " 你好", "movie", " again", " a", "b"]
    with pytest.raises(UserError, match="--word_segmenter is for WordPiece"):
        DocumentEncoder(tokenizer, "jieba")


@pytest.mark.real_data
def test_words_of_sentence_pieces(real_data):
    tokenizer = load_tokenizer(sp_model_file=str(real_data / "vocab" / "albert-30k-clean.model"), tokenization="SentencePiece")
    texts = ["Unbelievably, the doghouse isn't antediluvian.", "It was."]
    documents, _ = DocumentEncoder(tokenizer)([[texts]])
    assert documents.ids.tolist() == [id for text in texts for id in tokenizer.encode(text)]
    words = ["".join(word).replace("▁", "") for word in words_of(tokenizer, documents)]
    assert words == ["unbelievably", ",", "the", "doghouse", "isn", "'t", "antediluvian", ".", "it", "was", "."]


@pytest.mark.real_data
def test_chinese_words_with_jieba(real_data):
    pytest.importorskip("jieba", reason="needs the extra zh: pip install 'bert_tf2[zh]'")
    tokenizer = load_tokenizer(vocab_file=str(real_data / "vocab" / "chinese.txt"))
    texts = ["使用语言模型来预测下一个词的概率。", "我爱北京天安门, tensorflow 2020年！", "\u200e"]
    documents, counts = DocumentEncoder(tokenizer, "jieba")([[texts]])
    assert documents.ids.tolist() == [id for text in texts for id in tokenizer.encode(text)]
    words = ["".join(word).replace("##", "") for word in words_of(tokenizer, documents)]
    assert words[:4] == ["使用", "语言", "模型", "来"]
    assert {"北京", "天安门", "tensorflow", ",", "！", "。"} <= set(words)
    assert counts.unknown_tokens == 0


def test_jieba_that_is_not_installed_is_named(tiny_vocab_file, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jieba", None)
    with pytest.raises(UserError, match=r"needs the package jieba: pip install 'bert_tf2\[zh\]'"):
        DocumentEncoder(load_tokenizer(vocab_file=tiny_vocab_file), "jieba")


def test_word_pieces_with_two_signs_go_on(tiny_vocab_file):
    tokenizer = load_tokenizer(vocab_file=tiny_vocab_file)
    assert continues_word(tokenizer, tokenizer.vocabulary["##a"])
    assert not continues_word(tokenizer, tokenizer.vocabulary["a"])
    assert not continues_word(tokenizer, tokenizer.vocabulary["!"])
