"""Floor 2: tensors to tensors, and the checkpoints that hold their weights."""
