"""Floor 1: text to token ids."""
