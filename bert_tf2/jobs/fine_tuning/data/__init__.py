"""What a fine-tuning run works on: records, raw files, questions."""
