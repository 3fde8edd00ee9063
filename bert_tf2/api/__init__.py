"""What a notebook imports: the commands' jobs as objects, on data in memory or in files."""

from bert_tf2.api.classifier import Classifier
from bert_tf2.api.task_check import CheckFailed, check_task
from bert_tf2.api.vector_client import VectorClient
from bert_tf2.inference.choice_selector import ChoiceSelector
from bert_tf2.inference.entity_tagger import EntityTagger
from bert_tf2.inference.mask_filler import MaskFiller
from bert_tf2.inference.question_answerer import QuestionAnswerer
from bert_tf2.inference.search.text_index import TextIndex
from bert_tf2.inference.text_augmenter import AugmentOptions, TextAugmenter
from bert_tf2.inference.text_classifier import TextClassifier
from bert_tf2.inference.vectors.settings import VectorSettings
from bert_tf2.inference.vectors.text_encoder import TextEncoder
from bert_tf2.inference.vectors.whitening import Whitening

__all__ = [
    "AugmentOptions",
    "CheckFailed",
    "ChoiceSelector",
    "Classifier",
    "EntityTagger",
    "MaskFiller",
    "QuestionAnswerer",
    "TextAugmenter",
    "TextClassifier",
    "TextEncoder",
    "TextIndex",
    "VectorClient",
    "VectorSettings",
    "Whitening",
    "check_task",
]
