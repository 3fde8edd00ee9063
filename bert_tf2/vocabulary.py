"""Makes a vocabulary of text, adds tokens to one, trims one to a text, or compares two; a checkpoint's table goes along.

python -m bert_tf2.vocabulary --mode=train --text_files='books/*.txt' --vocab_size=8000 --output_dir=books_vocabulary
python -m bert_tf2.vocabulary --mode=add --init_checkpoint=bert/bert_model.ckpt --add_tokens=covid,[E1] --output_dir=grown
python -m bert_tf2.vocabulary --mode=trim --init_checkpoint=mbert --text_files='german/*.txt' --output_dir=small
python -m bert_tf2.vocabulary --mode=compare --vocab_file=one/vocab.txt --other_vocab_file=other/vocab.txt --text_files=a.txt
"""

from bert_tf2.jobs.vocabulary.job import command

if __name__ == "__main__":
    command(__doc__)
