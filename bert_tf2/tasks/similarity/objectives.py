"""What makes vectors of texts alike, by name; `losses` has what is computed."""

CONTRASTIVE, COSINE, TRIPLET, SOFTMAX = OBJECTIVES = ("contrastive", "cosine", "triplet", "softmax")
