"""Floor 2: raw files to examples, records and batches."""
