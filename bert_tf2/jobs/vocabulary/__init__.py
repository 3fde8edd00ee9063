"""Vocabularies: learned from text, grown, trimmed and compared."""
