"""Writes a commented skeleton of a data processor or of a kind of task, with its test and some rows; all of it runs.

python -m bert_tf2.new_task --name=shopping
python -m bert_tf2.new_task --name=stance --what=kind --output_dir=mine
"""

from bert_tf2.jobs.new_task.job import command

if __name__ == "__main__":
    command(__doc__)
