"""Answers questions from texts with an exported question answering model, which is loaded once.

One question, or one after the other from the terminal:

    python -m bert_tf2.answer_questions --model=export_text --context_file=article.txt --question="Who wrote it?"
    python -m bert_tf2.answer_questions --model=export_text --context_file=article.txt

Many, from a file with {"id": …, "question": …, "context": …} on each line:

    python -m bert_tf2.answer_questions --model=export_text --input_file=questions.jsonl --output_file=answers.jsonl
"""

from bert_tf2.jobs.commands.answer_questions import command

if __name__ == "__main__":
    command(__doc__)
