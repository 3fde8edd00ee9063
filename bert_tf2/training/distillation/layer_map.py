"""Which layers of a student learn from which of its teacher, and of how many it is made."""

from bert_tf2.errors import UserError
from bert_tf2.models.layer_numbers import require_layer

LAST, UNIFORM = "last", "uniform"


def layer_map(wanted: str, student: int, teacher: int) -> tuple[tuple[int, int], ...]:
    """Pairs of layers, the student's and the teacher's, counted from 0.

    Args:
      wanted: `uniform`, every layer from that which stands as far up in the teacher, the last from the last; `last`, from as many
        last layers; or pairs such as `0:1,1:3`.
      student, teacher: how many layers they have.

    Raises:
      UserError: it does not fit the two, or is no map.
    """
    if wanted in (LAST, UNIFORM):
        if student > teacher:
            raise UserError(
                f"--layer_map={wanted}: the student has {student} layers, the teacher only {teacher}; name pairs, such as "
                f"--layer_map=0:0,{student - 1}:{teacher - 1}"
            )
        if wanted == LAST:
            return tuple((layer, teacher - student + layer) for layer in range(student))
        return tuple((layer, (layer + 1) * teacher // student - 1) for layer in range(student))
    pairs = []
    for pair in wanted.split(","):
        mine, separator, other = pair.strip().partition(":")
        if not separator or not mine.isdecimal() or not other.isdecimal():
            raise UserError(
                f"--layer_map must be last, uniform, or pairs of a layer of the student and one of the teacher, counted from 0, "
                f"such as 0:1,1:3; got {wanted}"
            )
        require_layer("layer_map", wanted, "the student", int(mine), student)
        require_layer("layer_map", wanted, "the teacher", int(other), teacher)
        pairs.append((int(mine), int(other)))
    twice = next((mine for number, (mine, _) in enumerate(pairs) if mine in dict(pairs[:number])), None)
    if twice is not None:
        raise UserError(f"--layer_map={wanted} names layer {twice} of the student twice; give each one layer of the teacher")
    return tuple(pairs)


def spread_layers(number: int, teacher: int) -> tuple[int, ...]:
    """So many of a teacher's layers, evenly spaced, the first and the last among them (of one, the first): as DistilBERT was made
    of BERT (https://arxiv.org/abs/1910.01108).

    Raises:
      UserError: it has not so many.
    """
    if number > teacher:
        raise UserError(f"--num_student_layers={number}, but the teacher has only {teacher} layers; give at most as many")
    return tuple(round(layer * (teacher - 1) / max(number - 1, 1)) for layer in range(number))
