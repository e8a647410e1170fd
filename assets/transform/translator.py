"""How dbt's models appear as Dagster assets: keys, groups, kinds and owners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings

from assets import keys


def publish_group(props: Mapping[str, Any]) -> str | None:
    """The publish group (money, usage, joint) that a mart names in its yml, else None."""
    group = props.get("config", {}).get("meta", {}).get("publish_group")
    return str(group) if group else None


class LensTranslator(DagsterDbtTranslator):
    """Models are keyed [schema, name]; sources are the assets that fill them."""

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> keys.AssetKey:
        props = dbt_resource_props
        if props["resource_type"] == "source":
            return keys.SOURCE_TABLE_ASSETS.get(props["name"]) or keys.SOURCE_ASSETS[props["source_name"]]
        return keys.dbt_key(props["schema"], props["name"])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """Marts by publish group, the rest by layer: the graph then reads like the README's picture."""
        group = publish_group(dbt_resource_props)
        if group:
            return f"marts_{group}"
        layer = dbt_resource_props["schema"]
        return keys.GROUP_CHECKS if layer == "audit" else str(layer)

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:
        owner = dbt_resource_props.get("config", {}).get("meta", {}).get("owner")
        return [f"team:{owner}"] if owner else [keys.TEAM_DATA]
