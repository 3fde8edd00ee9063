"""Trained models for other runtimes, each checked before it gets its name."""
