"""The encoder's configuration and the weights it starts from."""

from collections.abc import Iterator

from bert_tf2.jobs.doctor.facts import Facts
from bert_tf2.jobs.doctor.findings import Finding, advice, ok, wrong
from bert_tf2.models.families.base import family_of


def examine(facts: Facts) -> Iterator[Finding]:
    """What of the model the checkpoint gives, and what starts at random values."""
    config, options, restored = facts.run.config, facts.options, facts.run.restored
    yield ok(
        f"{family_of(config).title} of {config.num_hidden_layers} layers, hidden size {config.hidden_size}, vocab_size "
        f"{config.vocab_size:,}, up to {config.longest_input} tokens ({options.bert_config_file})"
    )
    if restored is None:
        yield from _without_weights(facts)
        return
    loaded = restored.loaded
    yield ok(f"{len(loaded.loaded)} weights come from {loaded.path}, and fit the configuration")
    for part, reason in restored.random.items():
        if part == "the pooler":
            yield advice(
                f"the checkpoint {reason}: {part} starts at random values, and the head stands on it",
                "give a checkpoint with its pooler, if there is one: see --init_checkpoint",
            )
        else:
            yield ok(f"{part} starts at random values, as it does in a first fine-tuning")


def _without_weights(facts: Facts) -> Iterator[Finding]:
    if facts.options.init_checkpoint:
        yield ok("--init_checkpoint is not read: the directory holds checkpoints of this training, which goes on from the newest")
    elif facts.run.starts_elsewhere:
        yield ok("the first weights are a teacher's, not those of an --init_checkpoint")
    elif facts.run.makes_weights:
        yield ok("training starts from random weights (no --init_checkpoint)")
    else:
        yield wrong(
            "no --init_checkpoint: all weights start at random values, and the result is hardly better than guessing",
            "--init_checkpoint=…, the pre-trained weights that belong to --bert_config_file",
        )
