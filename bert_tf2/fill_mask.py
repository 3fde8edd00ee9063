"""Fills [MASK] in texts with the words that a pre-trained model finds likeliest there.

One text, or one after the other from the terminal:

    python -m bert_tf2.fill_mask --model_dir=out --vocab_file=vocab.txt --text="Paris is the [MASK] of France."
    python -m bert_tf2.fill_mask --init_checkpoint=bert_model.ckpt --bert_config_file=bert_config.json --vocab_file=vocab.txt

Many, from a file with {"id": …, "text": …} on each line:

    python -m bert_tf2.fill_mask --model_dir=out --vocab_file=vocab.txt --input_file=texts.jsonl --output_file=filled.jsonl
"""

from bert_tf2.jobs.commands.fill_mask import command

if __name__ == "__main__":
    command(__doc__)
