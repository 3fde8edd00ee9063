"""What fine-tuning does with single layers, and adapters."""
