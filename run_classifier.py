"""Fine-tunes, evaluates, predicts with and exports a BERT sentence or sentence-pair classifier (or regressor).

From records made by data_prep/create_finetuning_data.py:

    python run_classifier.py --mode=train_and_eval --input_meta_data_path=meta_data.json --train_data_path=train.tf_record \\
        --eval_data_path=eval.tf_record --bert_config_file=bert_config.json --init_checkpoint=bert_model.ckpt --model_dir=out

From raw files, with the flags of google-research/bert:

    python run_classifier.py --task_name=MRPC --do_train --do_eval --data_dir=glue/MRPC --vocab_file=vocab.txt \\
        --bert_config_file=bert_config.json --init_checkpoint=bert_model.ckpt --output_dir=out

Run the same command again to resume an interrupted job.
"""

from bert_tf2.jobs.fine_tuning.classifier import command

if __name__ == "__main__":
    command(__doc__)
