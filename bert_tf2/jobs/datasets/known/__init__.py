"""The published data sets, a file for each benchmark."""
