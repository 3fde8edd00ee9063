"""What asks for several trainings."""

import dataclasses

from bert_tf2.options import Options, at_least, option


@dataclasses.dataclass(frozen=True)
class SweepOptions(Options):
    """What several trainings differ in."""

    num_seeds: int = option(
        1,
        "Train and evaluate this many times, each with a seed of its own in --model_dir/seed_N: --seed and the numbers after it "
        "(from 1 where it is not given). Their scores, mean and spread go to seeds.json and report.md, and the best of them is "
        "--model_dir/best. Run again it goes on; a greater number adds to what is there.",
        check=at_least(1),
        section="Several trainings",
        may_change=True,
    )
