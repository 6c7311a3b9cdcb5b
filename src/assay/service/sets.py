"""Values of parameters from texts ``name=value``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.parameters import Parameter, Parameters, Value


def parse_sets(texts: Sequence[str] | None, parameters: Parameters, name: str = "set") -> dict[str, Value]:
    """Return the checked values of repeated ``name=value``, by declared name.

    Parameters
    ----------
    name : str
        What errors call the texts.

    Raises
    ------
    InputError
        When a text is not name=value, a name unknown (with the near one) or given twice, a value wrong.
    """
    values: dict[str, Value] = {}
    for text in texts or ():
        key, sign, value = (part.strip() for part in text.partition("="))
        if not (key and sign and value):
            raise InputError(name, "must look like name=value", text)
        parameter = parameters[key]
        if parameter.name in values:
            raise InputError(name, f"gives {parameter.name} twice", text)
        values[parameter.name] = parameter.check(_value(value, parameter))
    return values


def _value(text: str, parameter: Parameter) -> Value:
    """Return a text in the kind of a parameter; whatever fits no kind is left for `Parameter.check`."""
    choices: dict[str, Value] = {str(c).lower(): c for c in parameter.choices}
    if not parameter.is_number:
        return choices.get(text.lower(), text)
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
