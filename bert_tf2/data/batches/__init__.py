"""Which records each step takes, and the tensors of those; knows no task."""
