"""A smaller checkpoint of a trained model: `python -m bert_tf2.prune`."""
