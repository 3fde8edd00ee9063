"""Finds texts by their meaning: an index of texts, and queries to it. Needs pip install 'bert_tf2[search]'.

    python -m bert_tf2.search --mode=index --init_checkpoint=weights --input_file=reviews.txt --index_dir=index
    python -m bert_tf2.search --mode=query --index_dir=index --text="a film to laugh at"
    python -m bert_tf2.search --mode=query --index_dir=index --input_file=queries.jsonl --output_file=hits.jsonl
    python -m bert_tf2.search --mode=add --index_dir=index --input_file=further.txt

The index remembers its model and how the vectors were made.
"""

from bert_tf2.jobs.search.job import command

if __name__ == "__main__":
    command(__doc__)
