"""The shape of an older Chinese ALBERT, as brightmart/albert_zh's `albert_config_*.json` states it."""

import dataclasses
from typing import ClassVar

from bert_tf2.errors import UserError
from bert_tf2.models.config import BertConfig
from bert_tf2.models.config_forms import Form

POST_NORM = "postln"

CHINESE_ALBERT_FORM = Form("the older Chinese ALBERT", "albert_zh", "AlbertZh", marks=("ln_type",))


@dataclasses.dataclass(frozen=True)
class ChineseAlbertConfig(BertConfig):
    """The shape of an encoder of brightmart/albert_zh (2019), whose network is not that of Google's ALBERT of the same year.

    Raises:
      UserError: a value is outside its range, or the blocks normalise before their layers.
    """

    form: ClassVar[Form] = CHINESE_ALBERT_FORM

    embedding_size: int = 128
    ln_type: str = POST_NORM

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ln_type != POST_NORM:
            raise UserError(
                f"ln_type must be {POST_NORM} (albert_zh's tiny, base and large); got {self.ln_type!r}, whose blocks are others: "
                "take one of these, or Google's own Chinese models, which have no ln_type"
            )

    @property
    def own_blocks(self) -> int:
        """How many blocks have weights of their own: all layers share one."""
        return 1
