"""What is wrong with the values of a request: pydantic's errors in this project's words, with the way out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from assay.errors import likeliest, near_name, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PLAIN = r"^[^\x00-\x1f\x7f]*$"
"""Texts of one line: no database and no log has trouble with them."""

NAME = r"^[A-Za-z0-9_.-]+$"

PLACES = frozenset({"body", "query", "path", "header"})
KINDS = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "dict_type": "a JSON object",
    "model_type": "a JSON object",
    "model_attributes_type": "a JSON object",
}
"""What a value has to be, by the type of pydantic's error."""

BOUNDS = {
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "greater_than": "above {gt}",
    "less_than": "below {lt}",
    "string_too_short": "at least {min_length} characters long",
    "string_too_long": "at most {max_length} characters long",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
}
PATTERNS = {PLAIN: "one line without control characters", NAME: "letters, digits, '.', '_' and '-'"}
UNKNOWN = "is not known here"


@dataclass(frozen=True)
class Fault:
    """What is wrong with a request.

    Attributes
    ----------
    field, rule : str
        What was wrong, and what is asked of it.
    value : object
        What was given; None where nothing was.
    hint : str or None
        The way out.
    """

    field: str
    rule: str
    value: Any = None
    hint: str | None = None

    @property
    def message(self) -> str:
        """All of it in one sentence."""
        got = "" if self.value is None else f", got {shown(self.value)}"
        return f"{self.field}: {self.rule}{got}" + (f". {self.hint}" if self.hint else "")


def fault_of(found: Sequence[Mapping[str, Any]], body: Any = None) -> Fault:
    """Return the first fault of a request; an unknown name goes before a missing one, for which it may stand.

    Parameters
    ----------
    found : sequence of mapping
        Pydantic's errors.
    body : type, optional
        The annotation of the route's body.
    """
    first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
    kind, where = first["type"], _where(first)
    if kind == "json_invalid":
        what = str(first["ctx"]["error"])
        return Fault("body", f"must be JSON; at character {first['loc'][-1] + 1:,}: {what[:1].lower()}{what[1:]}")
    field = ".".join(where) or "body"
    if kind == "missing":
        others = [".".join(_where(one)) for one in found if one["type"] == "missing" and one is not first]
        return Fault(field, "must be given", hint=f"So must {', '.join(others)}" if any(others) else _how(field))
    if kind == "extra_forbidden":
        names = _names(body, where[:-1])
        return Fault(field, UNKNOWN, first["input"], near_name(where[-1], names) if names else None)
    together = [one for one in found if _where(one) == where]
    return Fault(field, _rule(together), first.get("input"), _near_choice(first))


def _where(one: Mapping[str, Any]) -> list[str]:
    """Return the names that lead to a value: without its place in a query, and without the kind that it is not."""
    place, *parts = one["loc"] if one["loc"] and one["loc"][0] in PLACES else ("body", *one["loc"])
    if place == "query":
        parts = parts[:1]
    kinds = one["type"].partition("_")[0], {"string": "str"}.get(one["type"].partition("_")[0])
    return [str(part) for part in (parts[:-1] if len(parts) > 1 and parts[-1] in kinds else parts)]


def _how(field: str) -> str | None:
    return "Send JSON with the header Content-Type: application/json" if field == "body" else None


def _rule(found: Sequence[Mapping[str, Any]]) -> str:
    """Return what is asked of a value that may be of several kinds."""
    kinds = list(dict.fromkeys(KINDS[one["type"]] for one in found if one["type"] in KINDS))
    if kinds:
        return f"must be {' or '.join(kinds)}"
    one = found[0]
    context = one.get("ctx", {})
    if one["type"] in BOUNDS:
        bounds = {name: f"{bound:,.15g}" for name, bound in context.items() if isinstance(bound, (int, float))}
        if bounds.get("min_length") == "1":
            return "must not be empty"
        return f"must be {BOUNDS[one['type']]}".format(**bounds)
    if one["type"] in ("literal_error", "enum"):
        return f"must be one of {', '.join(_choices(one))}"
    if one["type"] == "string_pattern_mismatch" and context["pattern"] in PATTERNS:
        return f"must be {PATTERNS[context['pattern']]}"
    rule = str(one["msg"]).removeprefix("Value error, ")
    return rule[:1].lower() + rule[1:]


def _choices(one: Mapping[str, Any]) -> list[str]:
    return re.findall(r"'([^']*)'", str(one["ctx"]["expected"]))


def _near_choice(one: Mapping[str, Any]) -> str | None:
    if one["type"] not in ("literal_error", "enum") or not isinstance(one.get("input"), str):
        return None
    near = likeliest(one["input"], _choices(one))
    return None if near is None else f"Did you mean {near!r}?"


def _names(body: Any, where: Iterable[str]) -> list[str]:
    """Return the names that an object within a body knows, as they are written in OpenAPI."""
    model = _model(body)
    for part in where:
        fields = {} if model is None else {**model.model_fields, **_by_alias(model)}
        model = _model(fields[part].annotation) if part in fields else None
    return [] if model is None else list(_by_alias(model))


def _by_alias(model: Any) -> dict[str, Any]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _model(annotation: Any) -> Any:
    """Return the model that an annotation is, or may be."""
    kinds = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    return next((kind for kind in kinds if hasattr(kind, "model_fields")), None)
