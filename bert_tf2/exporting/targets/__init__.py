"""A file for each format; its name is what `--to` calls it."""
