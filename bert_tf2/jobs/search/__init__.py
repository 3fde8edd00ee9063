"""Indexes of texts, and queries to them."""
