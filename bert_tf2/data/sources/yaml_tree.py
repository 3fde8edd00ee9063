"""The trees of YAML files (JSON is YAML too), of which nothing is made an object: texts as they stand there, with their lines."""

import json
from typing import TYPE_CHECKING

from bert_tf2.data.sources.text_files import read_lines
from bert_tf2.errors import UserError

if TYPE_CHECKING:
    import yaml

_YAML = "tag:yaml.org,2002:"
_NULL = f"{_YAML}null"
_SCALARS = {f"{_YAML}{kind}" for kind in ("str", "int", "float", "bool", "timestamp", "value")}
_OF_FLAGS = "the value of a flag is a text, a number, true, false, null or a list of such values"


def composed(path: str) -> "yaml.Node | None":
    """The tree of a YAML file, None for an empty one; nothing of it is made an object.

    Raises:
      UserError: it is no YAML; the message names the line.
    """
    import yaml

    text = "\n".join(line for _, line in read_lines(path))
    if text.lstrip().startswith("{") and _is_json(text):
        # Between the tokens of JSON there may be tabs, and inside them there are none.
        text = text.replace("\t", " ")
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise UserError(f"{path}:{mark.line + 1 if mark else 1}: not valid YAML: {error.problem or error.context}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UserError(f"{path}:{line}: not valid YAML: it holds the character U+{error.character:04X}") from None
    except RecursionError:
        raise UserError(f"{path}: not valid YAML: it is nested too deeply") from None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def mapping(node: "yaml.Node | None", place: str, file: str, what: str) -> dict[str, tuple["yaml.Node", str]]:
    """The nodes of a mapping by name, each with its file and line.

    Args:
      node: of the tree.
      place: where it stands, for messages.
      file: in which.
      what: it must hold.

    Raises:
      UserError: it is no mapping, holds nothing, or a name twice.
    """
    import yaml

    if not isinstance(node, yaml.MappingNode) or not node.value:
        raise UserError(f"{place} must hold {what}")
    found: dict[str, tuple[yaml.Node, str]] = {}
    for key, value in node.value:
        where = f"{file}:{key.start_mark.line + 1}"
        name = scalar_text(key, f"{where}: a name is")
        if name is None:
            raise UserError(f"{where}: a name must be a word")
        if name in found:
            raise UserError(f"{where}: '{name}' stands there twice, first on line {found[name][1].rpartition(':')[2]}; keep one")
        found[name] = (value, where)
    return found


def scalar_text(node: "yaml.Node", what: str, rule: str = _OF_FLAGS) -> str | None:
    """A scalar as it stands there; None for null.

    Args:
      node: of the tree.
      what: the beginning of what is said of anything else.
      rule: its end, what a value must be.

    Raises:
      UserError: it is no scalar.
    """
    import yaml

    if not isinstance(node, yaml.ScalarNode):
        inner = "a mapping" if isinstance(node, yaml.MappingNode) else "a list"
        raise UserError(f"{what} {inner}; {rule}")
    if node.tag == _NULL:
        return None
    if node.tag not in _SCALARS:
        raise UserError(f"{what} the tag {node.tag.replace(_YAML, '!!')}; write the value alone")
    # JSON writes a character beyond U+FFFF as two.
    return node.value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
