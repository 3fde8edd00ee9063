"""The published data sets as rows of one table.

Sizes are those that the authors publish (`sizes_from`). SHA-256 digests of files are of copies with these sizes, without a
byte-order mark and with line feeds at the ends of lines. Addresses, sizes in bytes and digests of downloads are those by which
TensorFlow Datasets 4.9 checks its own (its `checksums.tsv`).
"""

from bert_tf2.jobs.datasets.dataset import Dataset
from bert_tf2.jobs.datasets.known.choices import CHOICES
from bert_tf2.jobs.datasets.known.entities import TAGGED
from bert_tf2.jobs.datasets.known.glue import GLUE
from bert_tf2.jobs.datasets.known.goemotions import GO_EMOTIONS
from bert_tf2.jobs.datasets.known.languages import CLUE, XNLI
from bert_tf2.jobs.datasets.known.questions import SQUADS

DATASETS: tuple[Dataset, ...] = (*GLUE, *SQUADS, XNLI, *CLUE, *TAGGED, GO_EMOTIONS, *CHOICES)
"""All that are known, in the order in which they are listed."""
