"""Records with a label and records without one, as one set that a training draws its batches from."""

import copy
from collections.abc import Mapping

import numpy as np

from bert_tf2.data.records.feature_spec import FeatureSpec
from bert_tf2.data.records.record_set import RecordSet
from bert_tf2.data.records.wire_format import ExampleEncoder, Values

UNLABELLED = "is_unlabelled"
"""The feature that a batch has where some of its rows may be without label: 1 for such a row, 0 for the others."""

_SPEC = FeatureSpec(UNLABELLED, optional=True)


class MixedRecords(RecordSet):
    """The labelled records first, then those without label, each of these with the feature `UNLABELLED`.

    Args:
      labelled: records with all features.
      unlabelled: records with the same features, of which that with the label says nothing.
      lacking: the values of features that those without label lack.

    Attributes:
      labelled, unlabelled: what the whole was made of.
    """

    def __init__(self, labelled: RecordSet, unlabelled: RecordSet, lacking: Mapping[str, Values] | None = None):
        contents = [*labelled._contents, *unlabelled._contents]
        super().__init__([*labelled.paths, *unlabelled.paths], [*labelled.specs, _SPEC], contents, [])
        self.labelled, self.unlabelled = labelled, unlabelled
        self._begin, self._end, self._number = (
            np.concatenate([getattr(one, name) for one in (labelled, unlabelled)]) for name in ("_begin", "_end", "_number")
        )
        self._file = np.concatenate([labelled._file, unlabelled._file + np.int32(len(labelled.paths))])
        self.finish, self._lacks_label = labelled.finish, np.arange(len(self._begin)) >= len(labelled)
        added = dict(lacking or {})
        specs = [spec for spec in labelled.specs if spec.name in added]
        self._added = ExampleEncoder([*specs, _SPEC]).encode({**added, UNLABELLED: 1})

    def read(self, row: int) -> bytes:
        """The record, with what is added to it: messages one behind the other are one message with the fields of both."""
        record = super().read(row)
        return bytes(record) + self._added if self._lacks_label[row] else record

    def chosen(self, rows: np.ndarray | slice) -> "MixedRecords":
        """As `RecordSet.chosen`."""
        taken = copy.copy(self)
        for name in ("_begin", "_end", "_file", "_number", "_lacks_label"):
            setattr(taken, name, getattr(self, name)[rows])
        taken._row_sizes = None
        return taken
