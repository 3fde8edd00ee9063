"""The living BERT training toolkit for TensorFlow 2."""

__version__ = "0.1.0"
