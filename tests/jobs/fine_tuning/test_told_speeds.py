"""How fast a training was is told while it lasts, in its summary and in its report."""

import json
import re

import pytest


@pytest.mark.parametrize("flags", [(), ("--steps_per_loop=3",), ("--enable_xla",)])
def test_speeds_are_told(workplace, capsys, flags):
    assert workplace.prepare() == 0
    assert workplace.run("--log_steps=5", "--num_train_epochs=1", *flags) == 0
    assert re.search(r"examples/s  [\d,]+ tokens/s  \d+% padding  \d\S* TFLOP/s", capsys.readouterr().err)
    summary = json.loads((workplace.model_dir / "summaries" / "training_summary.txt").read_text())
    assert summary["examples_per_second"] > 0
    assert summary["tokens_per_second"] > summary["examples_per_second"]
    assert 0 <= summary["padding"] < 1
    assert 0 <= summary["input_wait"] <= 1
    assert summary["tflops"] > 0
    report = (workplace.model_dir / "report.md").read_text()
    assert "| tokens/s |" in report
    assert "% of the time |" in report
