"""Writes the vectors of texts that an encoder makes of them.

One vector for each text, into a file whose name says the form: .npz (its array `embeddings` is [N, D]), .npy, .parquet, .jsonl:

    python -m bert_tf2.extract_features --init_checkpoint=weights --input_file=texts.txt --output_file=vectors.npz \\
        --pooling=mean --normalize

A vector for every token, in the lines of Google's extract_features.py:

    python -m bert_tf2.extract_features --input_file=texts.txt --output_file=features.jsonl --layers=-1,-2,-3,-4 \\
        --bert_config_file=bert_config.json --init_checkpoint=bert_model.ckpt --vocab_file=vocab.txt

A command that was interrupted goes on when it is given again.
"""

from bert_tf2.jobs.vectors.extract_features import command

if __name__ == "__main__":
    command(__doc__)
