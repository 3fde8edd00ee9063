"""What metadata say of tagged records besides their labels."""

import dataclasses
from typing import Any

from bert_tf2.data.records.metadata import MetaData
from bert_tf2.errors import UserError


@dataclasses.dataclass(frozen=True)
class TaggingFacts:
    """Keys of `MetaData.extra`.

    Attributes:
      tag_scheme: one of `schemes.SCHEMES`.
      label_all_tokens: the later pieces of a word have its tag too.
      words_of_text: words were found in texts, at every punctuation mark; otherwise the data have words of their own.
    """

    tag_scheme: str
    label_all_tokens: bool = False
    words_of_text: bool = False


def facts_of(meta: MetaData) -> TaggingFacts:
    """The facts in metadata.

    Raises:
      UserError: one is missing or of another kind.
    """
    found: dict[str, Any] = {field.name: meta.extra.get(field.name) for field in dataclasses.fields(TaggingFacts)}
    for name, value in found.items():
        if not isinstance(value, str if name == "tag_scheme" else bool):
            rule = "a text" if name == "tag_scheme" else "true or false"
            raise UserError(
                f"'{name}' in the metadata must be {rule}; got {value}; make the records with create_finetuning_data.py "
                "--fine_tuning_task_type=tagging"
            )
    return TaggingFacts(**found)
