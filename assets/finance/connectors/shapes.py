"""What an answer must look like: the fields that a mapping reads, declared once.

The same declaration checks every object (a missing, renamed or retyped field is one error that names it) and cuts it
down before it is kept, so that what nobody reads, personal data above all, never reaches the lake.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from assets.errors import InputError

_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "texts": (dict,),  # keys to texts, as metadata is
}


@dataclass
class _Node:
    kind: str = "object"  # object, list, or one of _TYPES
    is_nullable: bool = False
    values: frozenset[str] = frozenset()
    children: dict[str, _Node] = field(default_factory=dict)


class Shape:
    """The declared fields of one object of one source.

    ``fields``: path → kind. A path has dots, and ``[]`` after a list of objects. A kind is text, number, boolean,
    texts, object or list, with ``?`` when the field may be null or left out, ``=a|b`` when only these values are known.
    """

    def __init__(self, source: str, name: str, fields: dict[str, str], page: str) -> None:
        self.source, self.name, self.page = source, name, page
        self._root = _Node()
        for path, kind in fields.items():
            self._declare(path, kind)

    def _declare(self, path: str, kind: str) -> None:
        node = self._root
        for part in path.split("."):
            name = part.removesuffix("[]")
            node = node.children.setdefault(name, _Node("list" if part.endswith("[]") else "object"))
        base, _, values = kind.partition("=")
        node.is_nullable = base.endswith("?")
        base = base.removesuffix("?")
        if base not in ("object", "list"):
            node.kind = base
        node.values = frozenset(values.split("|")) if values else frozenset()

    def cut(self, answer: Any) -> dict[str, Any]:
        """The answer with its declared fields only. Raises InputError naming source, object and field."""
        if not isinstance(answer, dict):
            raise self._changed("", f"is {_kind_of(answer)}, not an object", None)
        return self._fields(self._root, answer, "", str(answer.get("id") or answer.get("Id") or ""))

    def _fields(self, node: _Node, answer: dict[str, Any], path: str, who: str) -> dict[str, Any]:
        cut = {}
        for name, child in node.children.items():
            here = f"{path}.{name}" if path else name
            if name not in answer and not child.is_nullable:
                raise self._changed(here, "is not there", who)
            cut[name] = self._value(child, answer.get(name), here, who)
        return cut

    def _value(self, node: _Node, value: Any, path: str, who: str) -> Any:
        if value is None:
            if not node.is_nullable:
                raise self._changed(path, "is null", who)
            return None
        if node.kind == "object":
            if not isinstance(value, dict):
                raise self._changed(path, f"is {_kind_of(value)}, not an object", who)
            return self._fields(node, value, path, who)
        if node.kind == "list":
            if not isinstance(value, list):
                raise self._changed(path, f"is {_kind_of(value)}, not a list", who)
            return [self._item(node, item, f"{path}[{n}]", who) for n, item in enumerate(value)]
        if not isinstance(value, _TYPES[node.kind]) or (isinstance(value, bool) and node.kind != "boolean"):
            raise self._changed(path, f"is {_kind_of(value)}, not {node.kind}", who)
        if node.values and value not in node.values:
            raise self._changed(path, f"is {str(value)[:40]!r}, not one of {', '.join(sorted(node.values))}", who)
        return value

    def _item(self, node: _Node, item: Any, path: str, who: str) -> Any:
        if not isinstance(item, dict):
            raise self._changed(path, f"is {_kind_of(item)}, not an object", who)
        return self._fields(node, item, path, who)

    def _changed(self, path: str, problem: str, who: str | None) -> InputError:
        return InputError(
            f"the answer of {self.source} has changed: in {self.name}, the field {path or '-'} {problem}",
            where=f"{self.source}, object {self.name}{' ' + who if who else ''}, field {path or '-'}",
            mend=f"compare with {self.page}; the mapping in assets/finance/connectors needs a review first. "
            "Nothing was landed; the last release stays",
        )


def _kind_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    return {str: "a text", int: "a number", float: "a number", dict: "an object", list: "a list"}.get(
        type(value), type(value).__name__
    )
