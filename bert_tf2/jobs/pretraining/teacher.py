"""The teacher of a pre-training: a checkpoint of any format with what lies beside it, and whether it is one for a run."""

import dataclasses
import functools
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

from bert_tf2 import files
from bert_tf2.errors import UserError
from bert_tf2.inference.pretrained_files import config_beside, directory_of_source, vocabulary_in_or_below
from bert_tf2.jobs.pretraining.inputs import PretrainingInputs
from bert_tf2.jobs.pretraining.options import PretrainingOptions
from bert_tf2.jobs.training.distillation_checks import check_compared
from bert_tf2.model_directory.metadata_checks import facts_of
from bert_tf2.model_directory.model_files import META_DATA, TOKENIZER_CONFIG
from bert_tf2.models.families.base import MASKED_LM, family_of
from bert_tf2.options import required
from bert_tf2.tasks.pretraining.metadata import KEY, NEXT_SENTENCE, SENTENCE_ORDER
from bert_tf2.text.tokenizer import load_tokenizer
from bert_tf2.training.distillation.names import SOFT
from bert_tf2.training.run_directory import shown

if TYPE_CHECKING:
    from bert_tf2.models.checkpoints.source import Source
    from bert_tf2.models.config import BertConfig

_FACTS = ("vocabulary", "do_lower_case")
_ALBERT, _XLNET = "ALBERT", "XLNet"


@dataclasses.dataclass(frozen=True)
class PretrainedTeacher:
    """An opened checkpoint; of its weights nothing is read yet.

    Attributes:
      named: as the command named it.
      source: the checkpoint, of its configuration's family.
      config: of its encoder.
      facts: `vocabulary` and `do_lower_case` of the text that it was trained on; None for what nothing beside it tells.
      sentence_pairs: which pairs its next-sentence head judges, `nsp` or `sop`; None where it has no such head, or no pooler.
    """

    named: str
    source: "Source"
    config: "BertConfig"
    facts: dict[str, Any]
    sentence_pairs: str | None

    @classmethod
    def open(cls, named: str) -> "PretrainedTeacher":
        """Opens what `--teacher` names.

        Raises:
          UserError: it is no checkpoint, no configuration lies beside it, or that is of another model.
        """
        from bert_tf2.models.checkpoints.formats import open_source
        from bert_tf2.models.checkpoints.loading import check_fits

        try:
            source = open_source(named)
            config = config_beside(source.path)
            if config is not None:
                check_fits(source, config)
        except UserError as error:
            raise UserError(f"--teacher={named}: {error}") from error
        directory = directory_of_source(source.path)
        if config is None:
            raise UserError(f"--teacher={named}: no bert_config.json or config.json lies in {directory}; put the model's there")
        source = source.of_family(family_of(config))
        return cls(named, source, config, _facts(directory), _pairs_judged(source, config, directory))

    @property
    def has_masked_lm(self) -> bool:
        """Whether it has the head that guesses masked tokens."""
        return bool(self.source.head("masked_lm"))

    @property
    def described(self) -> str:
        """What it is, for people."""
        config = self.config
        return f"{self.named}, {config.form.title} of {config.num_hidden_layers} layers of {config.hidden_size}"

    @functools.cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of its weights and its configuration, whatever format they lie in."""
        digest = hashlib.sha256(json.dumps(self.config.to_dict(), sort_keys=True).encode())
        for name, tensor in sorted(self.source.tensors.items()):
            digest.update(f"{name} {tensor.shape}".encode())
            digest.update(tensor.read().tobytes())
        return digest.hexdigest()


def _facts(directory: str) -> dict[str, Any]:
    """What the files beside a checkpoint tell of the text that it was trained on."""
    if files.exists(path := os.path.join(directory, META_DATA)):
        from bert_tf2.data.records.metadata import read_meta_data

        known = facts_of(read_meta_data(path))
        return {name: known[name] for name in _FACTS}
    vocab_file, sp_model_file = vocabulary_in_or_below(directory)
    if vocab_file is None and sp_model_file is None:
        return dict.fromkeys(_FACTS)
    kind = "SentencePiece" if sp_model_file else "WordPiece"
    tokenizer = load_tokenizer(vocab_file=vocab_file, sp_model_file=sp_model_file, tokenization=kind)
    # Without that file it is a guess.
    says_case = files.exists(os.path.join(directory, TOKENIZER_CONFIG))
    return {"vocabulary": tokenizer.fingerprint, "do_lower_case": tokenizer.normalization.fact if says_case else None}


def _pairs_judged(source: "Source", config: "BertConfig", directory: str) -> str | None:
    from bert_tf2.models.families.names import POOLER

    if not source.head("next_sentence") or any(weight.name not in source.tensors for weight in POOLER):
        return None
    made = files.read_object(directory, META_DATA).get(KEY)
    told = made.get("sentence_pairs") if isinstance(made, dict) else None
    return told or (SENTENCE_ORDER if config.form.title == _ALBERT else NEXT_SENTENCE)


def judges_pairs(teacher: PretrainedTeacher, options: PretrainingOptions, data: PretrainingInputs) -> bool:
    """Whether the teacher's answers to the records' pairs are learned: both models have the head, for pairs of one kind."""
    made = NEXT_SENTENCE if data.settings is None else data.settings.sentence_pairs
    return learns_pairs(options, data) and teacher.sentence_pairs == made


def learns_pairs(options: PretrainingOptions, data: PretrainingInputs) -> bool:
    """Whether the student judges pairs."""
    pairs = data.has_pairs if options.use_next_sentence_label is None else options.use_next_sentence_label
    # The garden's default, for records that nothing is known of.
    return pairs is None or pairs


def check_taught(options: PretrainingOptions, data: PretrainingInputs, config: "BertConfig", teacher: PretrainedTeacher) -> None:
    """Checks that student, records and options fit a teacher.

    Args:
      options: what was asked.
      data: what is known of the records.
      config: the student's.
      teacher: the teacher.

    Raises:
      UserError: they do not.
    """
    named = f"--teacher={options.teacher}"
    if family_of(config).objective != MASKED_LM:
        raise UserError(
            f"{named}: {config.form.title} learns which tokens a generator replaced, and what is learned from a teacher belongs "
            "to masked LM; give a student of another family, or leave it out"
        )
    if teacher.config.form.title == _XLNET:
        raise UserError(
            f"{named} is an XLNet, which knows no masks and has its first token last; give a teacher of another family"
        )
    _check_text(named, data, teacher)
    if data.max_seq_length > teacher.config.longest_input:
        raise UserError(
            f"{named} takes {teacher.config.longest_input} tokens, and the records have up to {data.max_seq_length}; make them "
            "with a smaller --max_seq_length"
        )
    if SOFT in options.losses:
        _check_soft(named, options, data, config, teacher)
    check_compared(options, config, teacher.config)


def _check_text(named: str, data: PretrainingInputs, teacher: PretrainedTeacher) -> None:
    """Checks that the teacher reads the records' tokens as they were meant."""
    here: dict[str, Any] = dict.fromkeys(_FACTS)
    if data.tokenizer is not None:
        here = {"vocabulary": data.tokenizer.fingerprint, "do_lower_case": data.tokenizer.normalization.fact}
    if data.meta is not None:
        here |= {name: value for name, value in facts_of(data.meta).items() if name in _FACTS and value is not None}
    if here["vocabulary"] is None:
        raise UserError(f"--vocab_file is required with {named}: nothing beside the records says of which vocabulary they are")
    if teacher.facts["vocabulary"] is None:
        raise UserError(
            f"{named}: no vocabulary lies beside it, and it must be that of the records; put the teacher's (vocab.txt) there"
        )
    differing = [
        f"{name}: {shown(teacher.facts[name])} there, {shown(here[name])} here"
        for name in _FACTS
        if None not in (teacher.facts[name], here[name]) and teacher.facts[name] != here[name]
    ]
    if differing:
        raise UserError(
            f"{named} was trained on other text than these records ({'; '.join(differing)}); make the records with the teacher's "
            "vocabulary and casing, or give another teacher"
        )


def _check_soft(
    named: str, options: PretrainingOptions, data: PretrainingInputs, config: "BertConfig", teacher: PretrainedTeacher
) -> None:
    if not teacher.has_masked_lm:
        raise UserError(
            f"{named} has no masked-LM head, whose guesses the soft loss is of; give --distillation_losses without soft, such as "
            "minilm or hidden,attention, or the checkpoint of a whole pre-training"
        )
    if config.vocab_size != teacher.config.vocab_size:
        raise UserError(
            f"{named} has {teacher.config.vocab_size:,} rows of words and the student {config.vocab_size:,} (vocab_size), so "
            "their guesses cannot be compared; give the student as many, or leave soft out of --distillation_losses"
        )
    if options.distillation_alpha == 1 and learns_pairs(options, data) and not judges_pairs(teacher, options, data):
        raise UserError(
            f"--distillation_alpha=1 learns nothing from the labels, and {named} has no head for these pairs: nothing would "
            "train the student's; give --nouse_next_sentence_label, or less"
        )


def teacher_of(options: PretrainingOptions) -> PretrainedTeacher | None:
    """The teacher that the command names, opened; None without one."""
    return PretrainedTeacher.open(required(options.teacher)) if options.teacher else None
