"""Files of tagged sentences in every form, and what is said of wrong ones."""

import json
import types

import pytest

from bert_tf2.data.sources.bad_rows import BadRows
from bert_tf2.errors import UserError
from bert_tf2.tasks.tagging.forms import COLUMNS, open_sentences
from bert_tf2.text.normalization import Normalization

NOTHING = dict.fromkeys(COLUMNS) | {"data_format": "auto", "header": "auto", "delimiter": "", "quotechar": ""}


@pytest.fixture
def read(tmp_path):
    def read(name, content, flag="train_file", labels=(), skip=False, **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        given = types.SimpleNamespace(**NOTHING | options)
        file = open_sentences(str(path), flag, given, labels, Normalization(True))
        return list(file.sentences(BadRows(skip)))

    return read


def pairs(sentences):
    return [list(zip(sentence.words, sentence.tags)) for sentence in sentences]


EXPECTED = [[("New", "B-LOC"), ("York", "I-LOC")], [("It", "O"), ("rains", "O")]]
CONLL = "New\tB-LOC\nYork\tI-LOC\n\t\nIt\tO\nrains\tO\n"
FORMS = {
    "data.conll": (CONLL, {}),
    "data.annotated": (CONLL, {}),
    "data.tsv": (CONLL, {}),
    "four.txt": ("New NNP x B-LOC\nYork NNP x I-LOC\n\nIt PRP x O\nrains V x O\n", {}),
    "columns.txt": ("B-LOC x New\nI-LOC x York\n\nO x It\nO x rains\n", {"token_column": 2, "tag_column": "0"}),
    "named.tsv": ("word\tner\nNew\tB-LOC\nYork\tI-LOC\n\nIt\tO\nrains\tO\n", {"token_column": "word"}),
    "data.csv": ("token,tag\nNew,B-LOC\nYork,I-LOC\n,\nIt,O\nrains,O\n", {}),
    "kaggle.csv": ("Sentence #,Word,POS,Tag\nSentence: 1,New,N,B-LOC\n,York,N,I-LOC\nSentence: 2,It,P,O\n,rains,V,O\n", {}),
    "semicolons.csv": ("s;w;t\n1;New;B-LOC\n1;York;I-LOC\n2;It;O\n2;rains;O\n",
                       {"sentence_column": "s", "token_column": "w", "tag_column": "t"}),
    "data.jsonl": ('{"tokens": ["New", "York"], "ner_tags": ["B-LOC", "I-LOC"]}\n'
                   '{"tokens": ["It", "rains"], "ner_tags": ["O", "O"]}',
                   {}),
    "numbers.jsonl": ('{"words": ["New", "York"], "t": [1, 2]}\n{"words": ["It", "rains"], "t": [0, 0]}',
                      {"tag_column": "t", "labels": ("O", "B-LOC", "I-LOC")}),
    "spans.jsonl": ('{"text": "New York", "spans": [{"start": 0, "end": 8, "type": "LOC"}]}\n'
                    '{"text": "It rains", "spans": []}', {}),
    "doccano.jsonl": ('{"id": 1, "text": "New York", "label": [[0, 8, "LOC"]]}\n'
                      '{"id": 2, "text": " It\\train\\ns", "label": []}', {}),
    "array.json": ('[{"text": "New York", "entities": [{"start_offset": 0, "end_offset": 8, "label": "LOC"}]},'
                   ' {"text": "It rains", "entities": []}]', {}),
    # What is written of predictions.
    "entities.jsonl": ('{"text": "New York", "entities": [{"type": "LOC", "text": "New York", "start": 0, "end": 8, '
                       '"probability": 0.9}]}\n{"text": "It rains", "entities": []}', {}),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_recognised_by_itself(read, name):
    content, options = FORMS[name]
    found = pairs(read(name, content, **options))
    if name == "doccano.jsonl":
        assert found[1] == [("It", "O"), ("rain", "O"), ("s", "O")]
        found[1] = EXPECTED[1]
    assert found == EXPECTED


def test_every_word_knows_its_line(read):
    first, second = read("data.conll", CONLL)
    assert [first.where(0).rpartition(":")[2], second.where(1).rpartition(":")[2]] == ["1", "5"]
    _, second = read("data.jsonl", FORMS["data.jsonl"][0])
    assert second.where(1).endswith("data.jsonl:2")


def test_words_to_predict_need_no_tags(read):
    (sentence,) = read("new.conll", "It\nrains\n", flag="test_file")
    assert (list(sentence.words), sentence.tags) == (["It", "rains"], None)
    (sentence,) = read("new.jsonl", '{"text": "It rains."}', flag="test_file")
    assert (list(sentence.words), sentence.tags) == (["It", "rains", "."], None)
    (sentence,) = read("new.jsonl", '{"tokens": ["It", "rains"]}', flag="test_file")
    assert (list(sentence.words), sentence.tags) == (["It", "rains"], None)
    (sentence,) = read("new.csv", "token\nIt\nrains\n", flag="test_file")
    assert (list(sentence.words), sentence.tags) == (["It", "rains"], None)


def test_chinese_is_a_word_for_every_character(read):
    row = json.dumps({"text": "我在北京。", "spans": [[2, 4, "LOC"]]})
    assert pairs(read("zh.jsonl", row)) == [[("我", "O"), ("在", "O"), ("北", "B-LOC"), ("京", "I-LOC"), ("。", "O")]]
    assert pairs(read("zh.txt", "北 B-LOC\n京 I-LOC\n")) == [[("北", "B-LOC"), ("京", "I-LOC")]]


# Text, marked stretch.
PLACES = [
    ("I saw Zoë\u0308 there", "Zoë\u0308"),
    ("go 😀 Paris 😗😘 now", "Paris"),
    ("👩‍👩‍👧 family", "family"),
    ("flags 🇩🇪 🇫🇷", "🇫🇷"),
    ("أنا من القاهرة الآن", "القاهرة"),
    ("e\u0301te\u0301 in Que\u0301bec.", "Que\u0301bec"),
    ("U\u200bS (Rhein-Main)", "Rhein-Main"),
    ("𝒳 marks Berlin", "Berlin"),
]


@pytest.mark.parametrize(("text", "marked"), PLACES)
def test_places_are_code_points(read, text, marked):
    start = text.index(marked)
    row = {"text": text, "spans": [{"start": start, "end": start + len(marked), "label": "X", "text": marked}]}
    for ascii_only in (False, True):
        (sentence,) = read("places.jsonl", json.dumps(row, ensure_ascii=ascii_only))
        tagged = [place for place, tag in enumerate(sentence.tags) if tag != "O"]
        assert sentence.text[sentence.starts[tagged[0]] : sentence.ends[tagged[-1]]] == marked
        assert [sentence.tags[place] for place in tagged] == ["B-X"] + ["I-X"] * (len(tagged) - 1)


def test_half_a_surrogate_pair_is_one_character(read):
    (sentence,) = read("half.jsonl", '{"text": "\\ud83d Paris", "spans": [[2, 7, "LOC"]]}')
    assert sentence.text == "\ufffd Paris"
    assert sentence.tags[-1] == "B-LOC"


WRONG = [
    ("a.conll", "", {}, ": the file holds no words"),
    ("a.conll", "\n\t\n\n", {}, ": the file holds no words"),
    ("a.csv", "", {}, ": the file is empty"),
    ("a.csv", "token,tag\n", {}, ": the file holds no words"),
    ("a.csv", "token,pos\nIt,X\n", {}, ": where are the tags? Pass --tag_column"),
    ("a.csv", "x,y\nIt,X\n", {}, ":1: which column holds the words? Pass --token_column; the first row is: x | y"),
    ("a.csv", "token,tag\nIt,O,O\n", {}, ":2: 3 columns, expected 2"),
    ("a.csv", "token,tag\nIt,O\n", {"text_column": "text"}, "--text_column=text is for objects"),
    ("a.csv", "token,tag\nIt,O\n", {"tag_column": "tga"}, ":1: no column 'tga' (--tag_column). Did you mean 'tag'?"),
    ("a.conll", "It O\nrains\n", {}, ":2: 1 column, expected 2, as in the first row"),
    ("a.conll", "It\nrains\n", {}, ": where are the tags? Pass --tag_column"),
    ("a.conll", "It O\n", {"tag_column": 2}, ":1: 2 columns, so --tag_column can be 0 to 1; got 2"),
    ("a.conll", "It O\n", {"token_column": 1}, ":1: the word and its tag are both in column 1"),
    ("a.conll", "It O\n", {"tag_column": "tag"}, "columns divided by white space have places from 0, no names; --tag_column=tag"),
    ("a.conll", "It O\n", {"delimiter": "tab"}, ": it holds columns divided by white space, so --delimiter=tab can"),
    ("a.conll", "It O\n" * 1001, {}, ": 1,001 words and nothing that divides sentences; divide them by blank lines"),
    ("a.csv", "token,tag\n" + "It,O\n" * 1001, {}, ": 1,001 words and nothing that divides sentences; divide"),
    ("a.conll", "It O\ncaf\xe9 O\n".encode("latin-1"), {}, ":2: byte 4 (0xE9) is not UTF-8"),
    ("a.jsonl", "[1]\n", {}, ":1: not a JSON object: [1]"),
    ("a.jsonl", '{"x": 1}\n', {}, ": which key holds the words? Pass --token_column"),
    ("a.jsonl", '{"text": "a"}\n', {}, ": where are the tags? Pass --span_column"),
    ("a.jsonl", '{"tokens": ["a"]}\n', {}, ": where are the tags? Pass --tag_column"),
    ("a.jsonl", '{"tokens": "a", "tags": []}\n', {}, ":1: 'tokens' must be a list of words; got a"),
    ("a.jsonl", '{"tokens": [], "tags": []}\n', {}, ":1: 'tokens' holds no word"),
    ("a.jsonl", '{"tokens": ["a"], "tags": []}\n', {}, ":1: 'tags' must be a list with a tag for each of"),
    ("a.jsonl", '{"tokens": ["a"], "tags": [3]}\n', {}, ":1: the tag 3 is a number without a name; name the"),
    ("a.jsonl", '{"tokens": ["a"], "tags": [null]}\n', {}, ":1: a tag must be a text; got None"),
    ("a.jsonl", '{"tokens": ["a"], "tags": ["O"], "text": "a"}\n', {"text_column": "text", "tag_column": "tags"},
     "--tag_column and --text_column exclude each other"),
    ("a.jsonl", '{"tokens": ["a"], "tags": ["O"]}\n', {"sentence_column": "x"}, "an object is a sentence; --sentence_column=x"),
    ("a.jsonl", '{"tokens": ["a"], "tags": ["O"]}\n{"tokens": ["a"], "tags": ["O"]', {}, ":2: not a JSON object"),
    ("a.jsonl", '{"text": 3, "spans": []}', {}, ":1: 'text' must be a text; got 3"),
    ("a.jsonl", '{"text": " \\u200d", "spans": []}', {}, ":1: the text holds no word"),
    ("a.jsonl", '{"text": "a", "spans": "x"}', {}, ":1: the spans must be a list of {"),
    ("a.jsonl", '{"text": "a", "spans": [[0, 1]]}', {}, ":1: a span must be {"),
    ("a.xlsx", b"PK\x03\x04....", {}, "a.xlsx"),
]  # fmt: skip

WRONG_SPANS = [
    ("Paris", (0, 6), "Paris", ":1: a span must lie in the text, which has 5 characters (code points); got 0 to 6"),
    ("Paris", (3, 3), "", ":1: a span must lie in the text"),
    ("in Paris", (3, 6), "Par", ":1: the span 3 to 6 ('Par') does not begin and end with a word"),
    ("in Paris", (2, 8), " Paris", ":1: the span 2 to 8 (' Paris') has white space at its edge"),
    # Counted in UTF-16.
    ("😀😀 Paris", (5, 10), "Paris", ":1: a span must lie in the text"),
    ("😀 Paris.", (3, 8), "Paris", ":1: the span 3 to 8 is 'aris.', not 'Paris' as it says; places are counted in characters"),
    ("Que\u0301bec", (0, 3), "Que", ":1: the span 0 to 3 ('Que') splits the character 'e\u0301' at 3"),
    ("a 👩‍👩‍👧 b", (2, 4), "👩‍", ":1: the span 2 to 4 ('👩‍') splits the character '👩‍👩‍👧' at 4"),
    ("🇩🇪🇫🇷", (1, 2), "🇪", "splits the character '🇩🇪' at 1"),
]


@pytest.mark.parametrize(("text", "place", "marked", "message"), WRONG_SPANS)
def test_wrong_spans_are_told_with_their_line(read, text, place, marked, message):
    row = {"text": text, "spans": [{"start": place[0], "end": place[1], "type": "X", "text": marked}]}
    with pytest.raises(UserError) as caught:
        read("a.jsonl", json.dumps(row))
    assert message in str(caught.value)


def test_spans_must_not_overlap(read):
    row = '{"text": "New York", "spans": [[4, 8, "B"], [0, 8, "A"]]}'
    with pytest.raises(UserError, match=r"a.jsonl:1: the span 4 to 8 \('York'\) overlaps another; a word has one tag"):
        read("a.jsonl", row)


@pytest.mark.parametrize(("name", "content", "options", "message"), WRONG)
def test_wrong_files_are_told_with_their_line(read, name, content, options, message):
    with pytest.raises(UserError) as caught:
        read(name, content, **options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="train_file"):
        open_sentences(str(tmp_path / "no.conll"), "train_file", types.SimpleNamespace(**NOTHING), (), Normalization(True))


def test_sentences_that_cannot_be_used_can_be_left_out(read):
    assert pairs(read("a.conll", "It O\nrains\n\nYes O\n", skip=True)) == [[("Yes", "O")]]


def test_a_long_sentence_among_others_is_believed(read):
    first, second = read("a.conll", "It O\n" * 10_000 + "\nYes O\n")
    assert (len(first.words), len(second.words)) == (10_000, 1)


def test_real_files(read, real_data):
    """WNUT17: the training file's sentences are divided by lines with a tab, the others by empty ones."""
    folder = real_data / "ner" / "WNUT17"
    counts = {}
    for name in ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated"):
        sentences = read(name, (folder / name).read_bytes())
        counts[name] = (len(sentences), sum(len(sentence.words) for sentence in sentences))
    assert counts == {
        "wnut17train.conll": (3394, 62730),
        "emerging.dev.conll": (1009, 15733),
        "emerging.test.annotated": (1287, 23394),
    }
