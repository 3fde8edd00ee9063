"""Steps that do not fit into memory: what is told of them, and how a training goes on."""
