"""How alike texts are, by vectors: the kind `similarity`."""

from typing import TYPE_CHECKING, Any

from bert_tf2.errors import UserError
from bert_tf2.tasks.kind import Kind, kinds
from bert_tf2.tasks.row_options import label_names
from bert_tf2.tasks.similarity.facts import SimilarityFacts
from bert_tf2.tasks.similarity.options import SimilarityDataOptions, SimilarityRunOptions, check_data_options

if TYPE_CHECKING:
    from bert_tf2.data.records.metadata import MetaData
    from bert_tf2.models.config import BertConfig
    from bert_tf2.tasks.base import Task
    from bert_tf2.tasks.preparation import Preparation

_USUAL_LENGTH = 128


@kinds.register("similarity")
class Similarity(Kind):
    """Vectors of texts, from single texts, pairs, triplets, scores or labels of pairs."""

    task_type = "bert_similarity"
    data_options = SimilarityDataOptions
    run_options = SimilarityRunOptions

    def check(self, options: Any) -> None:
        """See `check_data_options`."""
        check_data_options(options)

    def check_trained(self, options: Any, meta: "MetaData", named: str) -> dict[str, Any]:
        """The labels of the training."""
        given = label_names(options)
        if given and given != tuple(meta.label_list):
            raise UserError(
                f"--labels={options.labels}, but the model of {named} was trained with {','.join(meta.label_list) or 'none'}; "
                "leave it out"
            )
        return {"labels": ",".join(meta.label_list)} if meta.label_list else {}

    def preparation(self, options: Any, tokenizer: Any, trained: "MetaData | None") -> "Preparation":
        """See `SimilarityPreparation`."""
        from bert_tf2.tasks.similarity.preparation import SimilarityPreparation
        from bert_tf2.tasks.similarity.reading import open_all

        labels = label_names(options) if trained is None else tuple(trained.label_list)
        facts = None if trained is None else SimilarityFacts.of(trained)
        return SimilarityPreparation(open_all(options), tokenizer, options.max_seq_length or _USUAL_LENGTH, labels, facts)

    def task(self, meta: "MetaData", config: "BertConfig", options: Any) -> "Task":
        """See `SimilarityTask`."""
        from bert_tf2.tasks.similarity.task import SimilarityTask

        return SimilarityTask(
            SimilarityFacts.of(meta),
            meta.metrics,
            meta.label_list,
            objective=options.objective,
            pooling=options.pooling,
            temperature=options.temperature,
            margin=options.margin,
            initializer_range=config.initializer_range,
            best_metric=options.best_metric,
        )
