"""Multiple choice: one answer to a question among several given ones."""
