"""The examinations, each in a file of its own."""
