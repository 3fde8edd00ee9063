"""Training a model after another one: losses against a teacher, its kept outputs, students made of its layers."""
