"""The options that question answering adds to data preparation."""

import dataclasses

from bert_tf2.options import Options, option

ANSWER_LABELS = ("exact", "google")
ANSWER_LABELS_HELP = (
    "Which tokens of the passage a training answer is: exact (those at its answer_start) or google (the first that spell it "
    "between the white space around it, or all of these, as google-research/bert; in Chinese that may be another place in the "
    "paragraph). Of the first 4,370 questions of SQuAD 1.1 11 differ, of DRCD's 3,524 development questions 489."
)
INDEPENDENT, START_CONDITIONED = "independent", "start_conditioned"
ANSWER_HEADS = (INDEPENDENT, START_CONDITIONED)
SQUAD = "SQuAD"


@dataclasses.dataclass(frozen=True)
class SquadDataOptions(Options):
    """Which SQuAD files to read, and how to cut and label their contexts."""

    squad_data_file: str | None = option(
        None,
        "Training file in SQuAD's JSON, version 1.1 or 2.0; comma-separated files and globs.",
        section=SQUAD,
        comma_separated=True,
    )
    translated_squad_data_folder: str | None = option(
        None, "Folder of further training files (*.json), which may repeat question ids.", section=SQUAD
    )
    version_2_with_negative: bool = option(False, "The data hold questions without an answer.", section=SQUAD)
    doc_stride: int = option(128, "Tokens between the beginnings of two windows on a long context.", section=SQUAD)
    max_query_length: int = option(64, "Longest question in tokens; longer ones are cut.", section=SQUAD)
    answer_labels: str = option("exact", ANSWER_LABELS_HELP, choices=ANSWER_LABELS, section=SQUAD)
