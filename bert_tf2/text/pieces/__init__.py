"""SentencePiece beyond text and ids: where pieces stand in a text, and all of it inside a graph."""
