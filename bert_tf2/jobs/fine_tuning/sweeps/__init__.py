"""Several trainings that differ in something, in one directory: what they come to together, and the best of them."""
