"""Records and their metadata: written, found and parsed by one list of features; knows no task."""
