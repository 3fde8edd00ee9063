"""Vectors of texts to files, and how well they measure similarity."""
