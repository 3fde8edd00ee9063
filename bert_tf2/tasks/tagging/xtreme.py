"""The tagging tasks of XTREME (Hu et al. 2020), as the model garden reads them: a file for each split and language.

input_data_dir/train-en.tsv  dev-en.tsv  test-en.tsv  test-de.tsv  …
"""

import glob
import os
from typing import Any

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.tasks.tagging.forms import COLUMNS
from bert_tf2.tasks.tagging.reading import SentenceFile
from bert_tf2.tasks.tagging.schemes import IOB2, PLAIN
from bert_tf2.text.normalization import Normalization

_UNIVERSAL = ("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM")
TASKS = {
    "panx": (("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"), IOB2),
    "udpos": ((*_UNIVERSAL, "PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"), PLAIN),
}
"""Tags, in the order of their ids, and scheme by task."""


def sources(options: Any, normalization: Normalization) -> dict[str, list[SentenceFile]]:
    """The files of each split that records are to be written of; of `test` a split for each language.

    Raises:
      UserError: a file is not there, or the test records of several languages have one name.
    """
    found: dict[str, list[SentenceFile]] = {}

    def file(path: str, has_tags: bool) -> SentenceFile:
        columns = dict.fromkeys(COLUMNS) | {"token_column": 0, "tag_column": 1 if has_tags else None}
        return SentenceFile(path, None, columns, 2 if has_tags else 1, False, (), normalization)

    for split, prefix, only_english in (
        ("train", "train", options.tagging_only_use_en_train),
        ("eval", "dev", options.only_use_en_dev),
    ):
        if getattr(options, f"{split}_data_output_path"):
            paths = _of_languages(options.input_data_dir, prefix, "en" if only_english else "*")
            found[split] = [file(path, True) for path in paths]
    output = options.test_data_output_path
    if output:
        paths = _of_languages(options.input_data_dir, "test", "*")
        if len(paths) > 1 and "{}" not in output:
            raise UserError(
                f"{options.input_data_dir} has test data in {len(paths)} languages, a file each: --test_data_output_path must "
                f"hold {{}} where the language goes, as in test_{{}}.tf_record; got {output}"
            )
        for path in paths:
            language = os.path.basename(path).removeprefix("test-").removesuffix(".tsv")
            # Those of XTREME hold no tags.
            found[f"test_{language}" if "{}" in output else "test"] = [file(path, _has_tags(path))]
    return found


def _of_languages(directory: str, prefix: str, language: str) -> list[str]:
    pattern = os.path.join(glob.escape(files.expand(directory)), f"{prefix}-{language}.tsv")
    found = sorted(glob.glob(pattern))
    if not found:
        raise UserError(f"--input_data_dir={directory} has no {prefix}-{language}.tsv")
    return found


def _has_tags(path: str) -> bool:
    from bert_tf2.data.sources.conll import read_conll

    first = next(read_conll(path), None)
    return first is not None and len(first[0][1]) > 1
