"""How a trained model computes its predictions."""
