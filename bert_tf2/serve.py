"""Serves models over HTTP: vectors, classes, entities, answers, words for [MASK]. Needs pip install 'bert_tf2[serve]'.

    python -m bert_tf2.serve --model=weights --pooling=mean --normalize
    python -m bert_tf2.serve --model=reviews=model --model=names=tagger_text --port=8600

    curl http://127.0.0.1:8000/encode -d '{"id": 1, "texts": ["a first text", "a second one"]}'

http://127.0.0.1:8000/ is a page to try the models by hand.
"""

from bert_tf2.jobs.serve.job import command

if __name__ == "__main__":
    command(__doc__)
