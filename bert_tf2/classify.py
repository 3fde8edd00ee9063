"""Classifies texts, or pairs of texts, with a model that run_classifier.py trained or exported, which is loaded once.

One text, or one after the other from the terminal (the two texts of a pair with a tab between them):

    python -m bert_tf2.classify --model_dir=model --text="a delight from start to finish"
    python -m bert_tf2.classify --model_dir=model

Many, from a table, a file with a JSON object on each line, or a text on each line (.txt), whose columns are kept:

    python -m bert_tf2.classify --model_dir=model --input_file=new.tsv --text_column=text --output_file=predictions.tsv
"""

from bert_tf2.jobs.commands.classify import command

if __name__ == "__main__":
    command(__doc__)
