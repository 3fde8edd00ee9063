"""Few weights that are trained in the place of many: adapters in the blocks, vectors of a prompt."""
