"""What a fine-tuning command asks for, whatever dialect it is in."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Phases:
    """What is to be done."""

    train: bool = False
    evaluate: bool = False
    evaluate_while_training: bool = False
    predict: bool = False

    @property
    def looks_at_evaluation(self) -> bool:
        """Whether evaluation data are looked at, while training or after it."""
        return self.evaluate or self.evaluate_while_training
