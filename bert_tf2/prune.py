"""Makes a trained model smaller: leaves out layers, and the attention heads and inner neurons that matter least to the loss.

    python -m bert_tf2.prune --model_dir=model --num_heads=6 --num_neurons=768 \\
        --importance_data_path=records/train.tf_record --eval_data_path=records/eval.tf_record --output_dir=pruned

The folder holds a dense checkpoint with its configuration, to train further with --init_checkpoint, and a report.
"""

from bert_tf2.jobs.pruning.job import command

if __name__ == "__main__":
    command(__doc__)
