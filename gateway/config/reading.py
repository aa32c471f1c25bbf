"""Turns tables of TOML into the classes of the model and gathers every fault on the way, with its key path."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import attrs
from cattrs import (
    AttributeValidationNote,
    ClassValidationError,
    Converter,
    ForbiddenExtraKeysError,
    IterableValidationError,
    IterableValidationNote,
)
from cattrs.gen import make_dict_structure_fn, override

from gateway.config.faults import BadValue, Fault, did_you_mean, one_of
from gateway.config.fields import rule_of
from gateway.config.values import Address, Compression, SecretReference, parse_address, parse_compression, parse_secret

T = TypeVar("T")
_Hook = Callable[[Any, Any], Any]
_Problem = tuple[str, BadValue]

_WRITTEN_AS_ONE_VALUE = frozenset({Address, Compression, SecretReference})
_TYPE_WORDS: Mapping[type, str] = MappingProxyType(
    {str: "text in quotes", bool: "true or false", int: "a whole number", float: "a number"}
)


class Reader:
    """Structures tables of one file; `syntaxes` are the known transfer syntaxes, name to UID."""

    def __init__(self, folder: Path, syntaxes: Mapping[str, str]) -> None:
        self._folder = folder
        self._syntaxes = syntaxes
        self._converter = Converter(detailed_validation=True, forbid_extra_keys=True)
        self._register()

    def read(self, cls: type[T], table: object, *, file: str, path: str) -> tuple[T | None, tuple[Fault, ...]]:
        """The object that `table` describes and no faults, or None and all its faults."""
        try:
            return self._converter.structure(table, cls), ()
        except (ClassValidationError, IterableValidationError, BadValue) as error:
            return None, tuple(_faults(error, file=file, path=path, given=table))

    def _register(self) -> None:
        converter = self._converter
        for primitive in (str, bool, int, float):
            converter.register_structure_hook(primitive, _strict)
        converter.register_structure_hook(Path, self._path)
        converter.register_structure_hook(Address, _address)
        converter.register_structure_hook(SecretReference, self._secret)
        converter.register_structure_hook(Compression, self._compression)
        converter.register_structure_hook_func(lambda kind: _origin(kind) is Literal, _choice)
        converter.register_structure_hook_func(lambda kind: _origin(kind) in {Union, UnionType}, self._optional)
        converter.register_structure_hook_func(lambda kind: _origin(kind) is tuple, self._tuple)
        converter.register_structure_hook_func(lambda kind: _origin(kind) is Mapping, self._mapping)
        converter.register_structure_hook_factory(_is_model_class, self._class_hook)

    def _class_hook(self, cls: type[T]) -> _Hook:
        fields = attrs.fields(cls)  # type: ignore[arg-type] # the predicate lets only attrs classes through
        overrides = {field.name: override(struct_hook=self._field_hook(field)) for field in fields}
        build = make_dict_structure_fn(cls, self._converter, **overrides)  # type: ignore[arg-type] # cattrs' own kinds

        def hook(value: Any, _: Any) -> T:
            if not isinstance(value, dict):
                raise BadValue("must be a table")
            made = build(value, cls)
            broken = [_noted(problem, key) for key, problem in _problems(made)]
            if broken:
                raise ClassValidationError("settings that do not fit together", broken, cls)
            return made

        return hook

    def _field_hook(self, field: "attrs.Attribute[Any]") -> _Hook:
        rule = rule_of(field)

        def hook(value: Any, kind: Any) -> Any:
            made = self._converter.structure(value, kind)
            if rule is not None:
                rule(made)
            return made

        return hook

    def _path(self, value: Any, _: Any) -> Path:
        text = _strict(value, str)
        if not text:
            raise BadValue("must not be empty")
        return self._folder / Path(text)

    def _secret(self, value: Any, _: Any) -> SecretReference:
        return parse_secret(_strict(value, str), self._folder)

    def _compression(self, value: Any, _: Any) -> Compression:
        return parse_compression(value, self._syntaxes)

    def _optional(self, value: Any, kind: Any) -> Any:
        (wanted,) = (part for part in get_args(kind) if part is not type(None))
        return self._converter.structure(value, wanted)

    def _tuple(self, value: Any, kind: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise BadValue("must be a list", suggestion=f'write ["{value}"]' if isinstance(value, str) else "")
        parts = get_args(kind)
        if parts[-1] is not Ellipsis and len(value) != len(parts):
            raise BadValue(f"must have {len(parts)} elements, this has {len(value)}")
        return tuple(self._all(((index, item) for index, item in enumerate(value)), parts[0]).values())

    def _mapping(self, value: Any, kind: Any) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise BadValue("must be a table")
        return MappingProxyType(self._all(value.items(), get_args(kind)[1]))

    def _all(self, items: Iterable[tuple[Any, Any]], kind: Any) -> dict[Any, Any]:
        made, broken = {}, []
        for key, item in items:
            try:
                made[key] = self._converter.structure(item, kind)
            except (ClassValidationError, IterableValidationError, BadValue) as error:
                error.add_note(IterableValidationNote("", key, kind))
                broken.append(error)
        if broken:
            raise IterableValidationError("elements with faults", broken, dict)
        return made


def _origin(kind: Any) -> Any:
    return get_origin(kind)


def _is_model_class(kind: Any) -> bool:
    return isinstance(kind, type) and attrs.has(kind) and kind not in _WRITTEN_AS_ONE_VALUE


def _problems(made: object) -> Iterable[_Problem]:
    check: Callable[[], Iterable[_Problem]] | None = getattr(made, "problems", None)
    return check() if check is not None else ()


def _noted(error: BadValue, key: str) -> BadValue:
    error.add_note(AttributeValidationNote("", key, object))
    return error


def _strict(value: Any, kind: Any) -> Any:
    fits = type(value) is kind or (kind is float and type(value) is int)
    if not fits:
        unquoted = f"write {value} without quotes" if type(value) is str and kind is not str else ""
        raise BadValue(f"must be {_TYPE_WORDS[kind]}", suggestion=unquoted if _is_number(value) else "")
    return kind(value)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _address(value: Any, _: Any) -> Address:
    return parse_address(_strict(value, str))


def _choice(value: Any, kind: Any) -> Any:
    choices = get_args(kind)
    if _strict(value, str) not in choices:
        one_of(value, [choice for choice in choices if choice])
    return value


def _faults(error: Exception, *, file: str, path: str, given: Any) -> Iterable[Fault]:
    """Walk cattrs' tree of errors; its notes say which attribute or element each one belongs to."""
    if isinstance(error, ForbiddenExtraKeysError):
        known = [field.name for field in attrs.fields(error.cl)]
        for key in sorted(error.extra_fields):
            yield Fault(file, _join(path, key), f"unknown key {key}", suggestion=did_you_mean(key, known))
    elif isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            assert isinstance(inner, Exception)  # noqa: S101 - for the checker: an ExceptionGroup holds nothing else
            step = _key_of(inner)
            yield from _faults(inner, file=file, path=_join(path, step), given=_below(given, step))
    elif isinstance(error, KeyError):
        yield Fault(file, path, "required key is missing")
    elif isinstance(error, BadValue):
        value = _below(given, error.index)
        shown = "" if error.hidden or value is None or isinstance(value, dict | list) else repr(value)
        yield Fault(file, _join(path, error.index), error.rule, shown, error.suggestion)
    else:
        raise error


def _key_of(error: Exception) -> str | int | None:
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return note.name
        if isinstance(note, IterableValidationNote):
            return note.index
    return None


def _below(given: Any, key: str | int | None) -> Any:
    if key is None:
        return given
    try:
        return given[key]
    except (KeyError, IndexError, TypeError):
        return None


def _join(path: str, key: str | int | None) -> str:
    if key is None:
        return path
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key
