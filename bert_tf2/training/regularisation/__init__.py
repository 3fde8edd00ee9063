"""What keeps a fine-tuning from learning its few examples by heart."""
