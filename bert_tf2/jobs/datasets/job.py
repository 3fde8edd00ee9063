"""The job of `python -m bert_tf2.datasets`."""

import logging
import os
import re
import shlex
from typing import Any

from bert_tf2 import cli, files
from bert_tf2.errors import UserError, did_you_mean
from bert_tf2.jobs.datasets.dataset import EVAL, SQUAD, TEST, TRAIN, Dataset
from bert_tf2.jobs.datasets.options import DatasetsOptions, check_datasets_options, listed
from bert_tf2.jobs.datasets.table import DATASETS
from bert_tf2.options import required
from bert_tf2.runtime import ended_by_sigterm, job

logger = logging.getLogger(__name__)


def command(description: str = "Lists published data sets, and prepares them from what was downloaded.") -> None:
    """Runs the job from the command line; `description` is what `--help` says first."""
    cli.main(datasets, DatasetsOptions, description)


@job
def datasets(options: DatasetsOptions) -> dict[str, Any]:
    """Does what `--mode` says, prints what came out and returns it.

    Raises:
      UserError: an option or a download cannot be used. Data sets that were prepared before stay.
      JobError: writing failed; nothing half written is left.
    """
    check_datasets_options(options)
    chosen = _chosen(options.dataset)
    if options.mode == "list":
        for one in chosen:
            print(_listed(one))
        return {"datasets": [one.name for one in chosen]}
    with ended_by_sigterm():
        sources = listed(options.source) if options.mode == "prepare" else _fetched(options, chosen)
        return _prepare(options, chosen, sources)


def _chosen(given: str | None) -> list[Dataset]:
    """The data sets that are meant.

    Raises:
      UserError: there is none of a name.
    """
    by_name = {one.name.lower(): one for one in DATASETS}
    chosen = []
    for name in listed(given):
        if name.lower() not in by_name:
            known = [one.name for one in DATASETS]
            raise UserError(f"--dataset: no data set '{name}' is known.{did_you_mean(name, known)} Known: {', '.join(known)}")
        chosen.append(by_name[name.lower()])
    return chosen or list(DATASETS)


def _listed(dataset: Dataset) -> str:
    """What is to be known of a data set."""
    from bert_tf2.jobs.datasets.checking import unit

    lines = [f"{dataset.name}: {dataset.title}"]
    for role in (TRAIN, EVAL, TEST):
        of_role = [file for file in dataset.files if file.role == role]
        if of_role:
            first, most = of_role[0], [f"{file.least_and_most[0]:,}" for file in of_role]
            count = most[0] + " each" if len(set(most)) == 1 and len(most) > 1 else " + ".join(most)
            others = f" and {len(of_role) - 1} more" if len(of_role) > 1 else ""
            labels = "" if first.labelled else ", without labels"
            lines.append(f"  {role}: {first.name}{others}, {count} {unit(first)}{labels}")
    if dataset.note:
        lines.append(f"  {dataset.note}")
    lines += [f"  {one.address}" for one in dataset.downloads]
    return "\n".join([*lines, f"  {dataset.home}"])


def _fetched(options: DatasetsOptions, chosen: list[Dataset]) -> list[str]:
    """The files that data sets can be made of, fetched where they do not lie there yet.

    Raises:
      UserError: of a data set nothing is known that could be checked.
      JobError: one cannot be fetched.
    """
    from bert_tf2.jobs.datasets.fetching import fetch

    for dataset in chosen:
        if not dataset.downloads:
            note = f" ({dataset.note})" if dataset.note else ""
            raise UserError(
                f"{dataset.name}: no digest of its files is known, so that nothing is fetched; get it from {dataset.home}{note} "
                "and give it to --mode=prepare --source"
            )
    folder = os.path.join(_output_dir(options), "downloads")
    return [fetch(one, os.path.join(folder, dataset.name)) for dataset in chosen for one in dataset.downloads]


def _output_dir(options: DatasetsOptions) -> str:
    """Where data sets go.

    Raises:
      UserError: it is remote, or cannot be made.
    """
    output_dir = files.expand(required(options.output_dir)).rstrip("/")
    if files.is_remote(output_dir):
        raise UserError(f"--output_dir must be a local folder, to be copied elsewhere afterwards; got {output_dir}")
    files.require_creatable(output_dir)
    return output_dir


def _prepare(options: DatasetsOptions, chosen: list[Dataset], paths: list[str]) -> dict[str, Any]:
    from bert_tf2.jobs.datasets import preparing, recognition
    from bert_tf2.jobs.datasets.sources import open_source

    output_dir = _output_dir(options)
    sources = [open_source(path) for path in paths]
    is_wanted = recognition.wanted(chosen)
    members = [member for source in sources for member in source.members(is_wanted)]
    found = [one for dataset in chosen if (one := recognition.whole(dataset, members)) is not None]
    asked_for = chosen if options.dataset else []
    lacking = [dataset for dataset in asked_for if dataset.name not in {one.dataset.name for one in found}]
    if not found or lacking:
        raise UserError("; ".join(_why_not(dataset, members) for dataset in lacking) or _nothing(options, chosen, members))
    files.make_directory(output_dir)
    prepared, complaints = [], []
    for one in found:
        try:
            result = preparing.prepare(one, output_dir, None if options.check_sizes else logger.warning)
        except UserError as error:
            complaints.append(str(error))
            continue
        print(_told(result, options.vocab_file))
        prepared.append({"name": one.dataset.name, "folder": result.folder, "command": next_command(result, options.vocab_file)})
    if complaints:
        raise UserError("; ".join(complaints))
    return {"datasets": prepared}


def _nothing(options: DatasetsOptions, chosen: list[Dataset], members: list[Any]) -> str:
    """Why none of the data sets was found, where none was asked for."""
    from bert_tf2.jobs.datasets import recognition

    parts = [part for dataset in chosen if (part := recognition.in_parts(dataset, members)) is not None]
    part = min(parts, key=lambda part: len(part.missing()), default=None)
    if part is not None:
        return _why_not(part.dataset, members)
    names = [member.path or member.name for member in members]
    archives = [name for name in names if name.lower().endswith((".zip", ".gz", ".tgz", ".tar"))]
    advice = f"give the archives in it themselves (--source={','.join(archives[:2])})" if archives else "--mode=list says what is"
    return (
        f"--source={options.source}: no data set that is known lies there ({len(names):,} files: "
        f"{', '.join(names[:5])}{', …' if len(names) > 5 else ''}); {advice}"
    )


def _why_not(dataset: Dataset, members: list[Any]) -> str:
    """Why a data set was not found whole."""
    from bert_tf2.jobs.datasets import recognition

    part = recognition.in_parts(dataset, members)
    odd = recognition.misfits(dataset, members)
    if part is not None:
        there = ", ".join(file.name for file in part.members)
        reason = f"there: {there}; missing: {', '.join(part.missing())}"
    elif odd:
        reason = f"no file begins as it should: {'; '.join(odd[:2])}"
    else:
        reason = f"no {dataset.files[0].name} is there"
    note = f" ({dataset.note})" if dataset.note else ""
    places = " and ".join([one.address for one in dataset.downloads] or [dataset.home])
    return f"{dataset.name}: {reason}{note}; get it from {places}"


def _told(result: Any, vocab_file: str) -> str:
    """What was prepared, and what to run next."""
    from bert_tf2.jobs.datasets.checking import unit

    lines = [f"{result.dataset.name}: {'was there already' if result.was_there else 'written'}, {result.folder}"]
    for file, checked in result.files.items():
        facts = [f"{checked.rows:,} {unit(file)}"]
        facts.append("as published" if checked.complaint is None else "NOT as published")
        if checked.is_known is not None:
            facts.append("byte for byte" if checked.is_known else "in other bytes than the copy that is known")
        if file.name in result.had_windows_ends:
            facts.append("line ends of Windows made line feeds")
        if not file.labelled:
            facts.append("without labels: to be predicted only")
        lines.append(f"  {file.name}: {', '.join(facts)}")
    lines += ["", "Next:", "  " + next_command(result, vocab_file).replace(" --", " \\\n    --"), *_evaluated_on(result)]
    return "\n".join([*lines, ""])


def next_command(result: Any, vocab_file: str) -> str:
    """The command that makes records of what was prepared."""
    dataset, folder = result.dataset, shlex.quote(result.folder)
    of_role = {role: [file.name for file in result.files if file.role == role] for role in (TRAIN, EVAL, TEST)}
    names = {role: found[0] for role, found in of_role.items() if found}
    languages = [match[1] for name in of_role[TRAIN] if (match := re.search(r"\.([a-z]{2})\.tsv$", name))]
    language = "en" if "en" in languages else next(iter(languages), "en")
    parts = ["python data_prep/create_finetuning_data.py"]
    for flag in dataset.flags:
        if not any(flag.startswith(f"--{role}_file=") for role in (TRAIN, EVAL, TEST) if role not in names):
            parts.append(flag.format(dir=folder, language=language, **names))
    is_squad = dataset.files[0].form == SQUAD
    written = {TRAIN: "train.tf_record", EVAL: "eval.tf_record", TEST: dataset.test_records}
    outputs = [role for role in names if role == TRAIN or not is_squad]
    parts += [f"--vocab_file={shlex.quote(vocab_file)}", f"--max_seq_length={dataset.max_seq_length}"]
    parts += [f"--{role}_data_output_path={folder}/records/{written[role]}" for role in outputs]
    return " ".join([*parts, f"--meta_data_file_path={folder}/records/meta_data.json"])


def _evaluated_on(result: Any) -> list[str]:
    """Where questions are answered from their file."""
    names = [file.name for file in result.files if file.form == SQUAD and file.role == EVAL]
    return [f"  and then run_squad.py, with --predict_file={os.path.join(result.folder, name)}" for name in names]
