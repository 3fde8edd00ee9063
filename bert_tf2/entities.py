"""Finds entities in texts with an exported tagging model, which is loaded once.

One text, or one after the other from the terminal:

    python -m bert_tf2.entities --model=export_text --text="Ada Lovelace lived in London."
    python -m bert_tf2.entities --model=export_text

Many, from a file with {"id": …, "text": …} on each line:

    python -m bert_tf2.entities --model=export_text --input_file=texts.jsonl --output_file=entities.jsonl
"""

from bert_tf2.jobs.commands.entities import command

if __name__ == "__main__":
    command(__doc__)
