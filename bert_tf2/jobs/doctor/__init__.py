"""A look at a training before it is started: what is wrong with its command and its data, and what it will take."""
