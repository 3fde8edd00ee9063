"""Trained models of every kind behind one interface: JSON values in, JSON values out."""
