"""Search for texts by meaning."""
