"""Reads from dbt's manifest what publishing needs: which mart is in which group, descriptions and grains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assets.serving.snapshot import ReleaseError, TableDoc


def marts_by_group(manifest: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Publish group → mart names, from ``config.meta.publish_group`` of every model in schema ``marts``.

    Raises ReleaseError for a mart without a group: it would never go out, and nobody would notice.
    """
    groups: dict[str, list[str]] = {}
    for node in _marts(manifest):
        group = (node.get("config") or {}).get("meta", {}).get("publish_group")
        if not group:
            raise ReleaseError(f"mart {node['name']} names no config.meta.publish_group in its yml")
        groups.setdefault(str(group), []).append(str(node["name"]))
    return {group: tuple(sorted(names)) for group, names in sorted(groups.items())}


def table_docs(manifest: Mapping[str, Any]) -> dict[str, TableDoc]:
    """Mart name → description, column descriptions and grain (the columns of its ``unique_grain`` test)."""
    grains = _grains(manifest)
    return {
        str(node["name"]): TableDoc(
            description=str(node.get("description") or ""),
            columns={
                str(column["name"]): str(column.get("description") or "") for column in node.get("columns", {}).values()
            },
            grain=grains.get(str(node["unique_id"]), ()),
            rows_by=(node.get("config") or {}).get("meta", {}).get("publish_rows_by"),
        )
        for node in _marts(manifest)
    }


def _marts(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        node for node in manifest["nodes"].values() if node["resource_type"] == "model" and node["schema"] == "marts"
    ]


def _grains(manifest: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Unique id of a model → columns of its ``unique_grain`` test, else of a ``unique`` test on one column."""
    grains: dict[str, tuple[str, ...]] = {}
    for node in manifest["nodes"].values():
        test = node.get("test_metadata") or {}
        owner = node.get("attached_node")
        if not owner or test.get("name") not in {"unique_grain", "unique"}:
            continue
        arguments = test.get("kwargs") or {}
        if test["name"] == "unique_grain":
            grains[owner] = tuple(str(column) for column in arguments["columns"])
        elif arguments.get("column_name"):
            grains.setdefault(owner, (str(arguments["column_name"]),))
    return grains
