"""Floor 4: time and devices; knows no task by name."""
