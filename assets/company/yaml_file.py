"""YAML files into models, with errors that name file, line, key, value and the nearest valid key."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from assets.company.wording import did_you_mean, listing, shown_value
from assets.errors import InputError

Model = TypeVar("Model", bound=BaseModel)


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice (YAML would silently keep the last)."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is given twice", key_node.start_mark)
        seen.add(key)
    return dict(loader.construct_pairs(node, deep=True))


def _day(loader: _Loader, node: yaml.ScalarNode) -> Any:
    """A date, or the text as it stands when there is no such day: the model then names the key."""
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError:
        return node.value


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _day)
_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(path: Path, where: str) -> dict[str, Any]:
    """The file's mapping (an empty file is an empty mapping); InputError with the line when it is malformed."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"the file is not UTF-8 (byte offset {error.start:,})", where=where, mend="save it again as UTF-8"
        ) from error
    try:
        content = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise InputError(
            f"the file is not valid YAML: {error.problem or error.context}",
            where=f"{where}{line}",
            mend="mend that line: indent with spaces, write 'key: value', put quotes around values with : or #",
        ) from error
    except yaml.YAMLError as error:
        raise InputError(
            f"the file is not valid YAML: {error}", where=where, mend="save it again as plain UTF-8 text"
        ) from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise InputError(
            f"the file holds a {type(content).__name__}, not keys with values",
            where=where,
            mend="write it as 'key: value' lines",
        )
    return content


def validated(model: type[Model], content: dict[str, Any], where: str, **more: Any) -> Model:
    """``content`` (and ``more``, which is not the file's) as a model; one InputError that lists every bad key."""
    try:
        return model.model_validate({**content, **more})
    except ValidationError as error:
        details = [_in_file(detail, content) for detail in error.errors()]
        findings = [_finding(model, detail) for detail in details]
        first_key = _key(details[0]["loc"])
        raise InputError(
            findings[0] if len(findings) == 1 else f"{len(findings)} things do not fit:\n{listing(findings)}",
            where=f"{where}{', key ' + first_key if first_key else ''}",
            mend="correct the value there; `lens init DIR` writes a folder that explains every key",
        ) from error


def _in_file(detail: Any, content: Any) -> dict[str, Any]:
    """The detail with the place as the file has it: without the names of variants, which pydantic puts into it."""
    parts: list[Any] = []
    for number, part in enumerate(detail["loc"]):
        is_last = number == len(detail["loc"]) - 1
        named = isinstance(content, dict) and content.get("kind") == part and part not in content
        if named or (content == part and not (is_last and detail["type"] == "missing")):
            continue
        parts.append(part)
        if isinstance(content, (list, tuple)) and isinstance(part, int) and part < len(content):
            content = content[part]
        else:
            content = content.get(part) if isinstance(content, dict) else None
    return {**detail, "loc": tuple(parts)}


def _finding(model: type[BaseModel], detail: Any) -> str:
    location, kind, value = detail["loc"], detail["type"], detail["input"]
    key = _key(location)
    if kind == "extra_forbidden":
        return f"unknown key {key}{did_you_mean(str(location[-1]), _keys(model, location[:-1]))}"
    if kind == "missing":
        return f"the key {key} is missing: {_requirement(key)}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        tag, valid = detail["ctx"].get("tag"), detail["ctx"].get("expected_tags", "")
        if tag is None:
            return f"{key}: the key kind is missing: it says where the table comes from"
        return f"{key}: {shown_value(tag)} is no known kind{did_you_mean(tag, valid.replace(chr(39), '').split(', '))}"
    if location and location[-1] in _MAY_HOLD_SECRETS:
        value = []  # not repeated
    message = _PLAIN.get(kind) or str(detail["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    message = message[:1].lower() + message[1:]
    if isinstance(value, (dict, list, tuple)):
        return f"{key}: {message}" if key else message
    guess = (
        did_you_mean(str(value), detail["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", "))
        if (kind == "literal_error")
        else ""
    )
    return f"{key}: {shown_value(value)}: {message}{guess if '?' in guess else ''}"


# Keys that name a key of .env, where somebody may have written the secret itself.
_MAY_HOLD_SECRETS = {"url_key"}

# What pydantic calls its types, in the words of the file.
_PLAIN = {
    "tuple_type": "should be a list: [a, b]",
    "dict_type": "should be keys with values",
    "model_type": "should be keys with values",
    "string_type": "should be a text: put it in quotes",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "date_from_datetime_parsing": "not a date YYYY-MM-DD",
    "date_parsing": "not a date YYYY-MM-DD",
}


def _requirement(key: str) -> str:
    return {
        "name": "the company's name, as the board pack shows it",
        "reporting_currency": "the ISO 4217 code that all money is reported in (USD)",
    }.get(key, "it is required")


def _key(location: tuple[Any, ...]) -> str:
    """``events.internal``, ``reviews[2].rule`` (counted from 1)."""
    text = ""
    for part in location:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _keys(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """Valid keys at a place in the model; lists and annotations are walked through."""
    current: Any = model
    for part in location:
        if isinstance(part, int):
            continue
        field = current.model_fields.get(part) if isinstance(current, type) and issubclass(current, BaseModel) else None
        # A part that is no field is a key of the file's own, say a table's name: what is said of it is the same model.
        current = _model_in(field.annotation) if field else current
    return list(current.model_fields) if isinstance(current, type) and issubclass(current, BaseModel) else []


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = _model_in(part)
        if found is not None:
            return found
    return None
