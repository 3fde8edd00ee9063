"""Masked words and the next sentence: from documents to the loss."""
