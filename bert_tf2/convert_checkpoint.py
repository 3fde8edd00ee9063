"""Converts a BERT checkpoint between TF2 (the model garden's), TF1 (google-research's) and Hugging Face, and checks the result.

    python -m bert_tf2.convert_checkpoint --bert_config_file=bert_config.json --checkpoint_to_convert=bert_model.ckpt \\
        --converted_checkpoint_path=converted/bert_model.ckpt --to=tf2

The format of the source is recognised by its content.
"""

from bert_tf2.jobs.commands.convert_checkpoint import command

if __name__ == "__main__":
    command(__doc__)
