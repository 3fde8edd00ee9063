"""Texts that are longer than an input: cut at their end, in their middle, or seen whole in windows."""
