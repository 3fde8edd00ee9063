"""ELECTRA's pre-training: a generator replaces tokens, a discriminator tells which."""
