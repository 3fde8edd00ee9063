"""XLNet's head for answers: the end depends on the start, and whether there is an answer is a question of its own."""
