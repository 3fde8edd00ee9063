"""Vectors of texts and of their tokens, of any encoder."""
