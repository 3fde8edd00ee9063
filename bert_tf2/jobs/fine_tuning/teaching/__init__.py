"""What a fine-tuning run learns from besides labels: a teacher, a file, or nothing."""
