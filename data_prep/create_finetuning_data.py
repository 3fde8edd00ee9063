"""Makes TFRecords and meta_data.json for fine-tuning a BERT classifier or regressor, from local files.

A GLUE task (also SNLI, XNLI, PAWS-X, IMDB):

    python data_prep/create_finetuning_data.py --classification_task_name=MRPC --input_data_dir=glue/MRPC \\
        --vocab_file=vocab.txt --train_data_output_path=out/train.tf_record --eval_data_output_path=out/eval.tf_record \\
        --meta_data_file_path=out/meta_data.json

Your own TSV, CSV or JSONL, without code:

    python data_prep/create_finetuning_data.py --train_file=train.csv --eval_file=dev.csv --text_column=review \\
        --label_column=stars --vocab_file=vocab.txt --train_data_output_path=out/train.tf_record \\
        --eval_data_output_path=out/eval.tf_record --meta_data_file_path=out/meta_data.json

Your own processor: add --module_import=path/to/processor.py --classification_task_name=<its name>.
"""

import pathlib
import sys

try:
    import bert_tf2  # noqa: F401
except ModuleNotFoundError:  # run from a clone that was not installed
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from bert_tf2.jobs.preparation.finetuning_data import command

if __name__ == "__main__":
    command(__doc__)
