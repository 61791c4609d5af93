"""Frozen dataclasses as JSON and back, by their type hints. The one place that knows how live values are written.

Unknown fields are ignored and missing ones take their default, so that two versions of the platform may meet.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
Make = Callable[[Any], Any]
KIND = "$"  # says which member of a union of dataclasses it is


def dumps(value: object) -> str:
    """Write one value. inf becomes Infinity, which only our own reader must understand."""
    return json.dumps(_plain(value), separators=(",", ":"))


def loads(form: type[T], text: str | bytes) -> T:
    """Read one value of this dataclass. Raises: ValueError, KeyError or TypeError when it is none."""
    of: Any = form
    made: T = _maker(of)(json.loads(text))
    return made


def loads_any(forms: object, text: str | bytes) -> Any:  # noqa: ANN401 - a union is no type[T]; the caller names it
    """Read one value of a union of dataclasses."""
    return _maker(forms)(json.loads(text))


def _plain(value: object) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        told = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        return {KIND: type(value).__name__, **told}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


@cache
def _maker(form: Any) -> Make:  # noqa: ANN401 - a type form
    """How a value of this type is made from JSON."""
    if isinstance(form, NewType):
        return _maker(form.__supertype__)
    if isinstance(form, type) and issubclass(form, Enum):
        return form
    if isinstance(form, type) and is_dataclass(form):
        return _dataclass_maker(form)
    if get_origin(form) in (Union, UnionType):
        return _union_maker(get_args(form))
    if get_origin(form) is tuple:
        return _tuple_maker(get_args(form))
    if get_origin(form) is dict:
        item = _maker(get_args(form)[1])
        return lambda plain: {key: item(value) for key, value in plain.items()}
    if form in (str, int, float, bool):
        return form if form is float else _same
    raise TypeError(f"no JSON form for {form}")


def _same(plain: Any) -> Any:  # noqa: ANN401 - JSON
    return plain


def _dataclass_maker(form: Any) -> Make:  # noqa: ANN401 - a dataclass
    hints = get_type_hints(form)
    makers = {field.name: _maker(hints[field.name]) for field in fields(form) if field.init}
    needed = {field.name for field in fields(form) if field.default is MISSING and field.default_factory is MISSING}

    def make(plain: dict[str, Any]) -> Any:  # noqa: ANN401 - of that class
        if missing := needed - plain.keys():
            raise ValueError(f"{form.__name__} without {', '.join(sorted(missing))}")
        return form(**{name: makers[name](plain[name]) for name in makers if name in plain})

    return make


def _union_maker(forms: tuple[Any, ...]) -> Make:
    rest = [form for form in forms if form is not NoneType]
    if len(rest) == 1:
        only = _maker(rest[0])
        return lambda plain: None if plain is None else only(plain)
    kinds = {form.__name__: _maker(form) for form in rest}
    return lambda plain: None if plain is None else kinds[plain[KIND]](plain)


def _tuple_maker(forms: tuple[Any, ...]) -> Make:
    if len(forms) == 2 and forms[1] is Ellipsis:  # noqa: PLR2004 - tuple[X, ...]
        item = _maker(forms[0])
        return lambda plain: tuple(item(value) for value in plain)
    items = [_maker(form) for form in forms]
    return lambda plain: tuple(make(value) for make, value in zip(items, plain, strict=True))
