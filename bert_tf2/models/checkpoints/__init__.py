"""Checkpoints of every format: TF2 (all layouts of the model garden), TF1 and Hugging Face; read, written and converted."""

from bert_tf2.models.checkpoints.formats import detect_format, open_source
from bert_tf2.models.checkpoints.loading import LoadReport, load_encoder_weights, read_heads

__all__ = ["LoadReport", "detect_format", "load_encoder_weights", "open_source", "read_heads"]
