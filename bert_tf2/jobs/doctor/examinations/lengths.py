"""How long inputs are, and how many are cut."""

from collections.abc import Iterator, Sequence

import numpy as np

from bert_tf2.jobs.doctor.facts import Facts
from bert_tf2.jobs.doctor.findings import Finding, advice, ok

_MUCH_CUT = 0.05
_BARS, _WIDTH = 8, 40
_LENGTHS = (32, 48, 64, 96, 128, 192, 256, 320, 384, 512)


def examine(facts: Facts) -> Iterator[Finding]:
    """A histogram of the training's rows, and the share that is cut."""
    lengths, meta = facts.train_lengths, facts.run.meta
    most = facts.run.max_seq_length
    yield ok(
        f"train: {len(facts.data.records):,} rows of {lengths.min()} to {lengths.max()} tokens, half up to "
        f"{int(np.median(lengths))}, 95 % up to {int(np.quantile(lengths, 0.95))}; --max_seq_length={most}",
        histogram(lengths),
    )
    cut = {} if meta is None else meta.truncated_fraction
    shares = {name: share for name, share in cut.items() if share}
    if not shares:
        if cut:
            yield ok("no row is cut")
        return
    told = ", ".join(f"{share:.1%} of {name}" for name, share in shares.items())
    enough = _enough(facts)
    if max(shares.values()) <= _MUCH_CUT:
        yield ok(f"cut, what is beyond is not seen: {told}")
        return
    longest = facts.run.config.longest_input
    if most < longest:
        length = next((one for one in (*_LENGTHS, longest) if enough is not None and one >= enough), min(2 * most, longest))
        flag = f"--max_seq_length={min(length, longest)}"
        cure = flag if facts.run.makes_records else f"make the records again with {flag}"
        beyond = "" if enough is None else f"; 95 % of the training rows have up to {enough} tokens"
        yield advice(f"cut, and the rest is not seen: {told}{beyond}", f"{cure}, if what is cut matters: steps take longer")
    else:
        yield advice(f"cut, and the rest is not seen: {told}", "shorter pieces of the texts: the model takes no longer ones")


def _enough(facts: Facts) -> int | None:
    """The length that 95 % of the training texts do not exceed before they are cut; None where no texts are at hand."""
    tokenizer, texts = facts.run.tokenizer, facts.train_texts
    if tokenizer is None or texts is None:
        return None
    lengths = [
        sum(len(tokenizer.encode(text)) for text in pair if text)
        + (tokenizer.template.special_tokens if pair[1] is None else tokenizer.template.special_tokens_of_pair)
        for pair in texts
    ]
    return int(np.quantile(lengths, 0.95)) if lengths else None


def histogram(lengths: Sequence[int] | np.ndarray) -> list[str]:
    """Lines with a bar for each range of lengths."""
    lengths = np.asarray(lengths)
    width = max(1, -(-(int(lengths.max()) - int(lengths.min()) + 1) // _BARS))
    first = int(lengths.min())
    counts = np.bincount((lengths - first) // width)
    ends = [(first + place * width, min(first + (place + 1) * width - 1, int(lengths.max()))) for place in range(len(counts))]
    names = [f"{one}-{other}" if other > one else f"{one}" for one, other in ends]
    widest = max(map(len, names))
    bars = ["▇" * round(_WIDTH * count / counts.max()) for count in counts]
    return [f"{name:>{widest}} {bar:<{_WIDTH}} {count / len(lengths):6.1%}" for name, bar, count in zip(names, bars, counts)]
