"""Asset keys ``[layer, name]``, groups, owners and pools: the only place where these names are spelled."""

from __future__ import annotations

from dagster import AssetKey

COMPANY = AssetKey(["company", "folder"])
AMPLITUDE_HOURS = AssetKey(["lake", "amplitude_hours"])
FINANCE_DELIVERIES = AssetKey(["lake", "finance_deliveries"])
CLOSES = AssetKey(["lake", "closes"])
REBUILD_PLAN = AssetKey(["raw", "rebuild_plan"])
AMPLITUDE_EVENTS = AssetKey(["raw", "amplitude_events"])
CHECK_RESULTS = AssetKey(["audit", "check_results"])
RELEASE = AssetKey(["serving", "release"])

GROUP_COMPANY = "company"
GROUP_LAKE = "lake"
GROUP_CHECKS = "checks"
GROUP_SERVING = "serving"

TEAM_DATA = "team:data"
TEAM_FINANCE = "team:finance"
TEAM_PRODUCT = "team:product"

# One writer at a time: DuckDB takes one writing process. A pool does nothing without the limit in dagster.yaml.
POOL_WAREHOUSE = "duckdb_writer"
# One extraction at a time: Amplitude's quota is the project's, whoever asks. The step that extracts also lands and
# writes, and a step has one pool; that no other step writes meanwhile is what the refresh lock holds for the whole run.
POOL_EXPORT = "amplitude_export"

# dbt's sources, and the asset that fills each of them. Tables of one source may come from different assets.
SOURCE_ASSETS = {
    "company": COMPANY,
    "board": COMPANY,
    "finance": FINANCE_DELIVERIES,
    "closes": CLOSES,
    "amplitude": AMPLITUDE_EVENTS,
    "quality": AMPLITUDE_EVENTS,  # downstream of everything that quarantines
}
SOURCE_TABLE_ASSETS = {
    "rebuild_plan": REBUILD_PLAN,
    "built_identities": REBUILD_PLAN,
    "built_merges": REBUILD_PLAN,
    "identities_before": REBUILD_PLAN,
    "namings_before": REBUILD_PLAN,
    "amplitude_hours": AMPLITUDE_HOURS,
    "amplitude_merges": AMPLITUDE_HOURS,
    "amplitude_merge_facts": AMPLITUDE_HOURS,
    "amplitude_type_days": AMPLITUDE_HOURS,
    "amplitude_property_days": AMPLITUDE_HOURS,
    "amplitude_key_samples": AMPLITUDE_HOURS,
}


def dbt_key(layer: str, name: str) -> AssetKey:
    """The asset key of a dbt model: its schema and its name."""
    return AssetKey([layer, name])


def mart(name: str) -> AssetKey:
    """The asset key of a published mart."""
    return dbt_key("marts", name)


def audit(name: str) -> AssetKey:
    """The asset key of a table that the checks read."""
    return dbt_key("audit", name)
