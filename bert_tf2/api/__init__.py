"""What a notebook imports: the commands' jobs as objects, on data in memory or in files."""

from bert_tf2.api.classifier import Classifier
from bert_tf2.api.task_check import CheckFailed, check_task
from bert_tf2.inference.choice_selector import ChoiceSelector
from bert_tf2.inference.entity_tagger import EntityTagger
from bert_tf2.inference.mask_filler import MaskFiller
from bert_tf2.inference.question_answerer import QuestionAnswerer
from bert_tf2.inference.text_classifier import TextClassifier

__all__ = [
    "CheckFailed",
    "ChoiceSelector",
    "Classifier",
    "EntityTagger",
    "MaskFiller",
    "QuestionAnswerer",
    "TextClassifier",
    "check_task",
]
