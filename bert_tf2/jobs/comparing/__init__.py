"""Several models on the same data: `python -m bert_tf2.compare`."""
