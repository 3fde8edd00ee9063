"""What a directory of a trained model holds, and how it fits data and configuration."""
