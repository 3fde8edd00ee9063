"""One of several given answers to a question: the kind `multiple_choice`."""

from typing import TYPE_CHECKING, Any

from bert_tf2.errors import UserError
from bert_tf2.tasks.kind import Kind, kinds
from bert_tf2.tasks.multiple_choice.facts import ChoiceFacts
from bert_tf2.tasks.multiple_choice.options import ChoiceDataOptions, check_data_options, packing_of

if TYPE_CHECKING:
    from bert_tf2.data.records.metadata import MetaData
    from bert_tf2.models.config import BertConfig
    from bert_tf2.tasks.base import Task
    from bert_tf2.tasks.preparation import Preparation


@kinds.register("multiple_choice")
class MultipleChoice(Kind):
    """Questions with any number of choices, of which one is right."""

    task_type = "bert_multiple_choice"
    data_options = ChoiceDataOptions

    def check(self, options: Any) -> None:
        """See `check_data_options`."""
        check_data_options(options)

    def check_trained(self, options: Any, meta: "MetaData", named: str) -> dict[str, Any]:
        """Questions are cut as in training."""
        most = ChoiceFacts.of(meta).max_qa_length
        if options.max_qa_length not in (None, most):
            how = "without it" if most is None else f"with {most}"
            raise UserError(f"--max_qa_length={options.max_qa_length}, but the model of {named} was trained {how}; leave it out")
        return {} if most is None else {"max_qa_length": most}

    def preparation(self, options: Any, tokenizer: Any, trained: "MetaData | None") -> "Preparation":
        """See `ChoicePreparation`."""
        from bert_tf2.tasks.multiple_choice.preparation import ChoicePreparation
        from bert_tf2.tasks.multiple_choice.reading import open_all

        facts = None if trained is None else ChoiceFacts.of(trained)
        return ChoicePreparation(open_all(options), tokenizer, packing_of(options), facts)

    def task(self, meta: "MetaData", config: "BertConfig", options: Any) -> "Task":
        """See `MultipleChoiceTask`."""
        from bert_tf2.tasks.multiple_choice.task import MultipleChoiceTask

        return MultipleChoiceTask(
            config.head_dropout_prob, config.initializer_range, options.best_metric, ChoiceFacts.of(meta).most_choices
        )
