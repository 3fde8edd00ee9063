"""The options of `python -m bert_tf2.datasets`, and which belong to which mode."""

import dataclasses

from bert_tf2.errors import UserError
from bert_tf2.options import Options, option, refuse_given, require_given

_SOURCE, _OUTPUT = "--mode=prepare", "--mode=prepare and download"


@dataclasses.dataclass(frozen=True)
class DatasetsOptions(Options):
    """What to do, with which downloads."""

    mode: str | None = option(
        None,
        "list: what is known, and where it is to be had. prepare: recognise, check and lay out what was downloaded. download: "
        "fetch it first, where the digest of what is to be fetched is known.",
        choices=("list", "prepare", "download"),
    )
    dataset: str | None = option(
        None,
        "The data sets that are meant, comma-separated [default: all; prepare: those that --source holds; download: none].",
        comma_separated=True,
    )
    source: str | None = option(
        None,
        "What was downloaded: archives (ZIP, tar), folders, files; comma-separated. They are known by the files in them.",
        section=_SOURCE,
        comma_separated=True,
    )
    output_dir: str | None = option(None, "Folder to write to; each data set gets one in it, by its name.", section=_OUTPUT)
    check_sizes: bool = option(True, "Refuse files that have not as many rows as are published; otherwise warn.", section=_OUTPUT)
    vocab_file: str = option("bert/vocab.txt", "The model's vocabulary, for the command that is printed.", section=_OUTPUT)


_OF_MODES = {
    "list": ("dataset",),
    "prepare": ("dataset", "source", "output_dir", "check_sizes", "vocab_file"),
    "download": ("dataset", "output_dir", "check_sizes", "vocab_file"),
}
_NEEDED = {
    "list": {},
    "prepare": {"source": "what was downloaded", "output_dir": "the folder to write to"},
    "download": {"dataset": "what to fetch", "output_dir": "the folder to write to"},
}


def check_datasets_options(options: DatasetsOptions) -> None:
    """Applies the checks between options; light.

    Raises:
      UserError: something needed is not given, or a flag belongs to another mode.
    """
    require_given(options, {"mode": "list, prepare or download"})
    mode = options.mode or ""
    for field in dataclasses.fields(options):
        if field.name != "mode" and field.name not in _OF_MODES[mode]:
            others = " or ".join(f"--mode={other}" for other, known in _OF_MODES.items() if field.name in known)
            refuse_given(options, [field.name], f"belongs to {others}; leave it out")
    require_given(options, _NEEDED[mode])
    for name in _NEEDED[mode]:
        if not listed(getattr(options, name)):
            raise UserError(f"--{name} names nothing; got '{getattr(options, name)}'")


def listed(value: str | None) -> list[str]:
    """The parts of a comma-separated value."""
    return [part.strip() for part in (value or "").split(",") if part.strip()]
