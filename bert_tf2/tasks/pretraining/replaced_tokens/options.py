"""What a pre-training of generator and discriminator can be told."""

import dataclasses

from bert_tf2.options import Options, not_negative, option, positive

SECTION = "Generator and discriminator (ELECTRA)"


@dataclasses.dataclass(frozen=True)
class ReplacedTokenOptions(Options):
    """Sizes of the generator and weights of the losses, by the names and with the defaults of google-research/electra."""

    generator_hidden_size: float = option(
        0.25, "Width of the generator as a share of hidden_size; heads and inner layers are scaled likewise.", check=positive,
        section=SECTION,
    )  # fmt: skip
    generator_layers: float = option(
        1.0, "Layers of the generator as a share of num_hidden_layers.", check=positive, section=SECTION
    )
    temperature: float = option(
        1.0, "What the generator's logits are divided by before a token is drawn from them.", check=positive, section=SECTION
    )
    gen_weight: float = option(1.0, "Weight of the generator's loss.", check=not_negative, section=SECTION)
    disc_weight: float = option(50.0, "Weight of the discriminator's loss.", check=not_negative, section=SECTION)
