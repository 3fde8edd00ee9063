"""What compiled steps tell people."""

import re

import tensorflow as tf

_UNSUPPORTED = re.compile(r"unsupported operations when trying to compile graph .*? on \S+: (\w+)")

_SIGNS = ("tf2xla conversion failed", "unsupported operations when trying to compile")


def why_not_compiled(error: tf.errors.OpError) -> str | None:
    """What to do where a step could not be compiled, which an error may say; None where it says something else."""
    message = error.message
    if not any(sign in message for sign in _SIGNS):
        return None
    found = _UNSUPPORTED.search(message)
    what = f"the operation {found[1]} cannot" if found else message.strip().splitlines()[0][:120]
    return f"a step cannot be compiled ({what}); --noenable_xla runs it operation by operation"
