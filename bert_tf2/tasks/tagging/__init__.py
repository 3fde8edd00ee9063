"""Token classification: one tag for every word, such as named entities and parts of speech."""
