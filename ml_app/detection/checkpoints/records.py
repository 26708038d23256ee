"""Frozen dataclasses out of untrusted JSON, every value checked against the annotation of its field.

By hand because it is this one function: pydantic would be a requirement of the site's for two kinds of files.
"""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


def build(kind: type[T], data: Any, where: str = "") -> T:
    """Make a dataclass out of what `json.loads` gave.

    Unknown keys are ignored, so that a newer writer may add some.

    Args:
        kind: A dataclass whose fields are numbers, strings, booleans, Literals, dicts, tuples or dataclasses,
            or one of these or None.
        data: The JSON object.
        where: Name of the object for the message.

    Raises:
        ValueError: A key is missing or a value has the wrong type; the message names it.
    """
    if not isinstance(data, dict):
        raise ValueError(f"{where or kind.__name__} is not an object")
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for item in fields(kind):  # type: ignore[arg-type]  # T is a dataclass
        path = f"{where}.{item.name}" if where else item.name
        if item.name in data:
            values[item.name] = _convert(hints[item.name], data[item.name], path)
        elif item.default is MISSING and item.default_factory is MISSING:
            raise ValueError(f"{path} is missing")
    return kind(**values)


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if origin is UnionType:
        (kind,) = (part for part in args if part is not NoneType)
        return None if value is None else _convert(kind, value, where)
    if is_dataclass(hint) and isinstance(hint, type):
        return build(hint, value, where)
    if origin is tuple and isinstance(value, list) and (args[-1] is Ellipsis or len(value) == len(args)):
        return tuple(_convert(args[0], part, where) for part in value)  # all of one type here
    if origin is dict and isinstance(value, dict):
        return {str(key): _convert(args[1], part, where) for key, part in value.items()}
    if not _fits(hint, value):
        raise ValueError(f"{where} has the value {value!r}, which does not fit")
    return float(value) if hint is float else value


def _fits(hint: Any, value: Any) -> bool:
    if hint is Any:
        return True
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if isinstance(value, bool):  # which is an int to Python
        return hint is bool
    return isinstance(value, int | float if hint is float else hint) if isinstance(hint, type) else False
