"""How alike texts are: vectors of texts that are trained to be near each other or far apart."""
