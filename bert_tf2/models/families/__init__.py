"""Families of encoders: what their configurations look like, how they are built, and what every format calls their weights."""
