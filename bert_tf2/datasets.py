"""Lists published data sets, and prepares them from your own downloads: recognised, checked, laid out, with the command to go on.

python -m bert_tf2.datasets --mode=list
python -m bert_tf2.datasets --mode=prepare --source=Downloads/MNLI.zip --output_dir=data
python -m bert_tf2.datasets --mode=prepare --source=Downloads/glue_data --dataset=RTE,QNLI --output_dir=data
"""

from bert_tf2.jobs.datasets.job import command

if __name__ == "__main__":
    command(__doc__)
