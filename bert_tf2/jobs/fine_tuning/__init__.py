"""Training, evaluation, prediction and export of fine-tuned models."""
