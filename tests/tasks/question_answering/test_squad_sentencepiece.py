"""Questions and contexts cut by SentencePiece: windows of the model garden, answers as the contexts have them."""

import json

import pytest
import sentencepiece
import tensorflow as tf
from official.nlp.data import squad_lib_sp
from squad_material import question, squad, write

from bert_tf2.data.records.parsing import parse_records
from bert_tf2.errors import UserError
from bert_tf2.tasks.question_answering.answers import ExactPlaces
from bert_tf2.tasks.question_answering.features import squad_features
from bert_tf2.tasks.question_answering.preparation import SquadPreparation
from bert_tf2.tasks.question_answering.squad import Answer
from bert_tf2.tasks.question_answering.windows import WindowOptions
from bert_tf2.tasks.record_making import RecordOptions, prepare
from bert_tf2.text.placing import placing_tokenizer
from bert_tf2.text.sentencepiece import SentencePieceTokenizer


def test_google_labels_are_refused(word_pieces_model_file, tmp_path):
    path = write(tmp_path / "train.json", squad(question("q", "was ?", ("good", 0)), context="good"))
    tokenizer = SentencePieceTokenizer(word_pieces_model_file)
    with pytest.raises(UserError, match="--answer_labels=google is for WordPiece"):
        SquadPreparation([path], tokenizer, WindowOptions(128, 32, 16), answer_labels="google")


class _Garden:
    """The garden's tokenizer, as its preparation of SQuAD asks for it."""

    def __init__(self, path: str):
        self.sp_model = sentencepiece.SentencePieceProcessor(model_file=path)

    def convert_tokens_to_ids(self, tokens):
        return [self.sp_model.piece_to_id(token) for token in tokens]


@pytest.mark.real_data
def test_windows_and_labels_are_those_of_the_garden(real_data, tmp_path):
    path = str(real_data / "vocab" / "albert-30k-clean.model")
    source = real_data / "squad" / "train-v1.1-first-12-articles.json"
    article = json.loads(source.read_text(encoding="utf-8"))["data"][0]
    del article["paragraphs"][20:]
    file = write(tmp_path / "train.json", {"version": "1.1", "data": [article]})
    windows = WindowOptions(128, 48, 24)
    preparation = SquadPreparation([file], SentencePieceTokenizer(path), windows)
    prepared = prepare(preparation, {"train": str(tmp_path / "train.tf_record")}, str(tmp_path / "meta.json"), RecordOptions())
    records = [record.numpy() for record in tf.data.TFRecordDataset(prepared.splits[0].path)]
    batch = {name: value.numpy() for name, value in parse_records(tf.constant(records), squad_features()).items()}
    features = []
    squad_lib_sp.convert_examples_to_features(
        examples=squad_lib_sp.read_squad_examples(file, is_training=True, version_2_with_negative=False),
        tokenizer=_Garden(path),
        max_seq_length=windows.max_seq_length,
        doc_stride=windows.doc_stride,
        max_query_length=windows.max_query_length,
        is_training=True,
        output_fn=lambda feature, is_padding=False: features.append(feature),
        do_lower_case=True,
    )
    assert len(features) == len(records) > 300
    ids = batch["input_word_ids"]
    for row, feature in enumerate(features):
        assert ids[row].tolist() == feature.input_ids[: ids.shape[1]]
        assert not any(feature.input_ids[ids.shape[1] :])
        # Theirs marks a window that does not show the answer by no place at all.
        marked = (feature.start_position or 0, feature.end_position or 0)
        assert (batch["start_positions"][row], batch["end_positions"][row]) == marked


@pytest.mark.real_data
def test_answers_lie_where_they_stand(real_data):
    place = placing_tokenizer(SentencePieceTokenizer(str(real_data / "vocab" / "albert-30k-clean.model")))
    exact = count = 0
    for article in json.loads((real_data / "squad" / "dev-v1.1.json").read_text(encoding="utf-8"))["data"][:4]:
        for paragraph in article["paragraphs"]:
            context = paragraph["context"]
            tokens = place(context)
            answers = ExactPlaces(context, tokens)
            for answer in (answer for one in paragraph["qas"] for answer in one["answers"]):
                first, last = answers.find(Answer(answer["text"], answer["answer_start"]))
                found = context[tokens.starts[first] : tokens.ends[last]]
                assert answer["text"] in found
                count += 1
                exact += answer["text"] == found
    # The others end inside of a piece.
    assert count > 2000
    assert exact > 0.99 * count
