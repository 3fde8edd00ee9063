"""A book as text for pre-training records."""

import re


def sentences(text: str, paragraphs: int) -> str:
    """One sentence on each line, a blank line after the paragraphs of a document.

    Args:
      text: paragraphs, with a blank line between them.
      paragraphs: that make a document.
    """
    parts = [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]
    lines = []
    for number, paragraph in enumerate(parts, 1):
        lines += [*re.split(r"(?<=[.!?]) ", paragraph), *([""] if number % paragraphs == 0 else [])]
    return "\n".join(lines) + "\n"
