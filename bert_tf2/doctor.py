"""Looks at a training before it is started: nothing is trained, nothing is written, and it ends with what to change first.

    python -m bert_tf2.doctor run_classifier --task_name=MRPC --do_train --do_eval --data_dir=glue/MRPC \\
        --vocab_file=bert/vocab.txt --bert_config_file=bert/bert_config.json --init_checkpoint=bert/bert_model.ckpt \\
        --output_dir=out

The first word is the job (run_classifier, run_squad or run_pretraining), the flags are those of its command; --dry_run there
does the same. python -m bert_tf2.doctor JOB --help lists them. The exit code is 0 where the job can start, 1 where it would fail
or give wrong results, and 2 where its command is wrong.
"""

from bert_tf2.jobs.doctor.command import command

if __name__ == "__main__":
    command(__doc__)
