"""The living BERT training toolkit for TensorFlow 2."""

__version__ = "0.1.0"

import importlib.util
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""The directory that holds the package; of a checkout, its own."""


def _require_packages() -> None:
    """Says how to install what is missing: in one line and exit code 2 for a command, as an ImportError for a program."""
    needed = ("absl", "numpy", "tensorflow", "tf_keras", "tqdm")
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if not missing:
        return
    message = f"the packages {', '.join(missing)} are not installed for {sys.executable}; run pip install -e {ROOT}"
    # `python -m` has no path yet while the package is imported.
    started = sys.argv[0] if sys.argv else ""
    folder = os.path.dirname(os.path.abspath(started)) if started.endswith(".py") else None
    if started == "-m" or folder in (ROOT, os.path.join(ROOT, "data_prep")):
        print(f"ERROR: {message}", file=sys.stderr)
        sys.exit(2)
    raise ModuleNotFoundError(message, name=missing[0])


_require_packages()
