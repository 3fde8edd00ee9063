"""Records for pre-training, and pre-training."""
