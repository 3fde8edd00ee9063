"""Pre-trains a BERT on masked tokens and pairs of segments, from scratch or from a checkpoint.

On records made by data_prep/create_pretraining_data.py, whose meta_data.json lies beside them:

    python run_pretraining.py --input_files='records/*.tfrecord' --eval_input_files=held_out/held_out.tfrecord \\
        --bert_config_file=bert_config.json --model_dir=out --num_train_steps=20000 --learning_rate=1e-4

With the flags of google-research/bert, on its records too:

    python run_pretraining.py --input_file=tf_examples.tfrecord --do_train --do_eval --output_dir=out \\
        --bert_config_file=bert_config.json --max_seq_length=128 --max_predictions_per_seq=20 \\
        --num_train_steps=20 --num_warmup_steps=10 --learning_rate=2e-5

The encoder lies in out/pretrained afterwards: an --init_checkpoint of run_classifier.py and run_squad.py. Run the same
command again to resume an interrupted job.
"""

from bert_tf2.jobs.pretraining.job import command

if __name__ == "__main__":
    command(__doc__)
