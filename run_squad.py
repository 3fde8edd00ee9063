"""Fine-tunes a BERT for extractive question answering (SQuAD 1.1 and 2.0), answers questions, scores answers, exports.

From records made by data_prep/create_finetuning_data.py --fine_tuning_task_type=squad:

    python run_squad.py --mode=train_and_eval --input_meta_data_path=meta_data.json --train_data_path=train.tf_record \\
        --predict_file=dev-v1.1.json --vocab_file=vocab.txt --bert_config_file=bert_config.json \\
        --init_checkpoint=bert_model.ckpt --model_dir=out

From SQuAD's files, with the flags of google-research/bert:

    python run_squad.py --do_train --train_file=train-v1.1.json --do_predict --predict_file=dev-v1.1.json \\
        --vocab_file=vocab.txt --bert_config_file=bert_config.json --init_checkpoint=bert_model.ckpt --output_dir=out

Run the same command again to resume an interrupted job.
"""

from bert_tf2.jobs.fine_tuning.squad import command

if __name__ == "__main__":
    command(__doc__)
