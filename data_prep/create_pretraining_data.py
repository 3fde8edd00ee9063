"""Makes TFRecords and meta_data.json for pre-training a BERT model, from raw text.

One sentence on each line, a blank line between documents:

    python data_prep/create_pretraining_data.py --input_file='text/*.txt' --output_file='out/train-*.tfrecord' \\
        --vocab_file=vocab.txt --num_workers=8

Running text, which is split into sentences: add --input_format=paragraphs. A JSON object for each document: --input_format=jsonl.

The records are the same for any number of workers. A run that was interrupted goes on when the command is given again.
"""

import pathlib
import sys

try:
    import bert_tf2  # noqa: F401
except ModuleNotFoundError:  # run from a clone that was not installed
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from bert_tf2.jobs.pretraining.data import command

if __name__ == "__main__":
    command(__doc__)
