"""Trained models as objects: text in, answers out."""
