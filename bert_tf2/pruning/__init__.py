"""Making a trained model smaller by leaving out what matters least to its loss."""
