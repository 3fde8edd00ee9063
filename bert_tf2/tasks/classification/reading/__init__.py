"""Texts with their labels, from published files, rows of one's own or memory."""
