"""Floor 5: one file per command; its options as a dataclass and a plain function that composes the floors below."""
