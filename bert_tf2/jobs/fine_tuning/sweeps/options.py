"""What asks for several trainings."""

import dataclasses

from bert_tf2.options import Options, at_least, option


def _at_least_two(value: int) -> str | None:
    return None if value >= 2 else "must be 2 or more"


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
    search: str | None = option(
        None,
        "A YAML or JSON file with the values of flags to try: all of them, drawn at random, with successive halving, or proposed "
        "by Optuna. Each trial is trained in --model_dir/trial_N; a table, a picture and the best of them stand beside. Run "
        "again it goes on.",
        section="Several trainings",
        may_change=True,
    )


@dataclasses.dataclass(frozen=True)
class FoldOptions(Options):
    """Cross-validation."""

    num_folds: int | None = option(
        None,
        "Divide the training examples into so many parts with equal shares of the labels, and train as often, each time without "
        "one of them, on which it is evaluated: --model_dir/fold_N. Scores of all, and a prediction for every training example "
        "from the model that has not seen it, stand beside.",
        check=_at_least_two,
        section="Several trainings",
    )
    fold: int | None = option(
        None,
        "Train without the Nth of --num_folds parts only, in --model_dir itself.",
        check=at_least(1),
        section="Several trainings",
    )
