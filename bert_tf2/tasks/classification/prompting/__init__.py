"""Classification by the words that a masked-LM head finds likely in a text with a pattern around it."""
