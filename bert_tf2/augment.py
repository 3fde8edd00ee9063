"""Makes more texts of given ones: some words replaced by what a masked language model guesses in their place (TinyBERT).

    python -m bert_tf2.augment --init_checkpoint=bert --input_file=train.tsv --text_column=text --output_file=more.tsv

The rows keep their other columns, so they are training data with their labels, or without them texts for
run_classifier.py --teacher=… --unlabelled_data_path=….
"""

from bert_tf2.jobs.commands.augment import command

if __name__ == "__main__":
    command(__doc__)
