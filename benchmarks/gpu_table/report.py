"""The tables of the benchmark of GPUs."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

from gpu_table import arithmetic
from gpu_table.cases import CASES, GROUPS, Case, config_of

_COLUMNS = ("examples/s", "x best", "step ms", "slots", "1st step", "all (lengths)", "peak MB", "TFLOP/s", "share")
_WIDTHS = (12, 8, 9, 9, 10, 15, 9, 9, 8)


def tables(found: Mapping[str, Mapping[str, Any]], records: pathlib.Path, tiny: bool) -> str:
    """All that was measured, and how it is to be read.

    Args:
      found: results by the cases' names.
      records: where the models' configurations are.
      tiny: whether it was a tiny model.
    """
    rates = {case.who: found[case.name]["tflops"] for case in CASES if case.group == "products" and case.name in found}
    rate = max(rates.values(), default=None)
    lines = [f"{GROUPS['products']}, TFLOP/s: " + (", ".join(f"{who} {one:.3g}" for who, one in rates.items()) or "not measured")]
    for group, title in GROUPS.items():
        of_group = [case for case in CASES if case.group == group and case.name in found]
        if group != "products" and of_group:
            lines += ["", title, f"{'':36}" + "".join(f"{name:>{width}}" for name, width in zip(_COLUMNS, _WIDTHS))]
            best = max((_speed(found[case.name]) for case in of_group if case.needs_torch), default=0.0)
            lines += [_line(case, found[case.name], best, rate, records, tiny) for case in of_group]
    return "\n".join([*lines, "", _NOTES, arithmetic.FORMULA])


_NOTES = """\
x best: examples/s by those of the fastest PyTorch in the table. 1st step: seconds from its call to its end on the device,
compilation included; of a prediction, the first pass over all rows. all (lengths): the first steps with every length together,
and how many of the job's lengths they are. "started again": the same job once more, until its steps are compiled. peak MB: the
most in use at once on the GPU after the warm-up, MB of 2^20 bytes (on a CPU, and of the garden: of everything until then).
share: of the fastest bf16 product, also where a step is fp32."""


def _speed(result: Mapping[str, Any]) -> float:
    return result.get("examples_per_second", 0.0)


def _line(case: Case, result: Mapping[str, Any], best: float, rate: float | None, records: pathlib.Path, tiny: bool) -> str:
    cells = [""] * len(_COLUMNS)
    compiled = result.get("compiled", [])
    if compiled:
        cells[4] = f"{compiled[0][1]:.1f}"
        cells[5] = f"{sum(seconds for _, seconds in compiled):.1f} ({len(compiled)}/{result['lengths']})"
        if case.group.startswith("prediction"):
            cells[5] = ""
    if _speed(result):
        config = json.loads((records / f"{config_of(case, tiny)}.json").read_text(encoding="utf-8"))
        trains = not case.group.startswith("prediction")
        flop = arithmetic.step_flop(config, result["slots_per_step"], result["attention_slots_per_step"], trains)
        done = flop / (result["step_ms"] / 1000) / 1e12
        cells[0], cells[1] = f"{_speed(result):.1f}", f"{_speed(result) / best:.2f}" if best else ""
        cells[2], cells[3] = f"{result['step_ms']:.2f}", f"{result['slots_per_step']:.0f}"
        cells[6] = f"{result['peak_mb']:.0f}" if "peak_mb" in result else ""
        cells[7], cells[8] = f"{done:.3g}", f"{done / rate:.1%}" if rate else ""
    cut = "; ended early" if result.get("cut") else ""
    return f"{case.who + cut:36}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, _WIDTHS))
