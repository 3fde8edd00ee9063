"""A short program for each kind of task that uses an export without this package."""

from bert_tf2.exporting.target import Target

_HEAD = '''"""{says}. Needs: pip install {libraries}"""

{imports}
from exported_model import ExportedModel

model = ExportedModel()
'''
# By what metadata call the kind: what the example does, the modules it imports, and its lines.
_BODIES = {
    "bert_classification": (
        "Classifies a text, or a pair: python example.py TEXT [SECOND]",
        ("json", "sys"),
        "print(json.dumps(model.classify(*sys.argv[1:3])))",
    ),
    "bert_prompt_classification": (
        "Classifies a text, or a pair: python example.py TEXT [SECOND]",
        ("json", "sys"),
        "print(json.dumps(model.classify(*sys.argv[1:3])))",
    ),
    "bert_multi_label": (
        "Finds the labels of a text, or a pair: python example.py TEXT [SECOND]",
        ("json", "sys"),
        "print(json.dumps(model.classify(*sys.argv[1:3])))",
    ),
    "bert_regression": (
        "Gives a text, or a pair, a number: python example.py TEXT [SECOND]",
        ("sys",),
        "print(model.number(*sys.argv[1:3]))",
    ),
    "bert_tagging": (
        "Tags the words of a sentence: python example.py SENTENCE",
        ("sys",),
        "words = sys.argv[1].split()\nfor word, tag in zip(words, model.tag(words)):\n    print(word, tag)",
    ),
    "bert_squad": (
        "Answers a question: python example.py QUESTION CONTEXT",
        ("json", "sys"),
        "print(json.dumps(model.answer(*sys.argv[1:3])))",
    ),
    "bert_multiple_choice": (
        "Chooses an answer: python example.py CONTEXT QUESTION CHOICE CHOICE …",
        ("json", "sys"),
        "context, question, *choices = sys.argv[1:]\nprint(json.dumps(model.choose(question, choices, context)))",
    ),
    "bert_similarity": (
        "Tells how alike two texts are: python example.py TEXT TEXT",
        ("sys",),
        "print(model.likeness(*sys.argv[1:3]))",
    ),
}
_OF_OTHERS = (
    "Computes a text's outputs: python example.py TEXT [SECOND]",
    ("sys",),
    "for name, values in model.of_texts(*sys.argv[1:3]).items():\n    print(name, values.tolist())",
)


def example(task_type: str, target: Target, tokenizer_kind: str) -> str:
    """The program.

    Args:
      task_type: what metadata call the kind of task.
      target: the export's.
      tokenizer_kind: see `bert_tf2.text.tokenizer.Tokenizer`.
    """
    says, modules, body = _BODIES.get(task_type, _OF_OTHERS)
    library = "sentencepiece" if tokenizer_kind == "sentencepiece" else "tokenizers"
    libraries = " ".join(["numpy", *target.libraries, library])
    return _HEAD.format(says=says, libraries=libraries, imports="\n".join(f"import {name}" for name in modules)) + body + "\n"
