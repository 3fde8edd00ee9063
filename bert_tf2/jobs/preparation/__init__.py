"""From raw files to records and metadata."""
