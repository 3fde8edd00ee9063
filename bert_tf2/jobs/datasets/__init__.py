"""Published data sets from a user's own downloads: recognised, checked, laid out where the commands expect them."""
