"""Byte-level BPE, the tokenizer of RoBERTa: its files, its ids, and the same inside a graph."""
