"""Templates of inputs other than BERT's, which every packer and its twin in the graph must follow."""

from bert_tf2.text.template import TextTemplate, xlnet_template

NAMES = ["bert", "two between", "two around", "last"]


def with_template(tokenizer, name):
    """A tokenizer whose inputs are packed otherwise."""
    cls, sep = tokenizer.cls_id, tokenizer.sep_id
    if name == "two between":
        # RoBERTa's.
        tokenizer.template = TextTemplate((cls,), (sep, sep), (sep,), (0, 0))
    elif name == "two around":
        tokenizer.template = TextTemplate((cls, sep), (sep,), (sep, cls), (1, 0))
    elif name == "last":
        # XLNet's.
        tokenizer.template = xlnet_template(cls, sep)
    return tokenizer
