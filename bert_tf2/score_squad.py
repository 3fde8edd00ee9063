"""Scores SQuAD answers against the gold answers of a data file, without a model; the numbers are those of the official scripts.

    python -m bert_tf2.score_squad --data_file=dev-v1.1.json --predictions_file=predictions.json
    python -m bert_tf2.score_squad --data_file=dev-v2.0.json --predictions_file=predictions.json --null_odds_file=null_odds.json

Whether the data are version 1.1 or 2.0 is found from them.
"""

from bert_tf2.jobs.commands.score_squad import command

if __name__ == "__main__":
    command(__doc__)
