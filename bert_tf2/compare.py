"""Compares trained and exported models on the same data: metrics with their standard errors, sizes, times.

    python -m bert_tf2.compare --model=teacher --model=student --model=phone=exported \\
        --eval_data_path=records/eval.tf_record --output_dir=comparison

The others are compared with the first, by the paired bootstrap and McNemar's test.
"""

from bert_tf2.jobs.comparing.job import command

if __name__ == "__main__":
    command(__doc__)
