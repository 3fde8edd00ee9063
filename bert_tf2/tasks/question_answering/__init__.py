"""Answers as spans of a text: SQuAD."""
