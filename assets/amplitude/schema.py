"""The Amplitude record: its 55 keys, what is kept of them in the lake, and the lake's columns."""

from __future__ import annotations

KEYS = (
    "$insert_id", "$insert_key", "$schema", "adid", "amplitude_attribution_ids", "amplitude_event_type",
    "amplitude_id", "app", "city", "client_event_time", "client_upload_time", "country", "data", "data_type",
    "device_brand", "device_carrier", "device_family", "device_id", "device_manufacturer", "device_model",
    "device_type", "dma", "event_id", "event_properties", "event_time", "event_type", "global_user_properties",
    "group_properties", "groups", "idfa", "ip_address", "is_attribution_event", "language", "library",
    "location_lat", "location_lng", "os_name", "os_version", "partner_id", "paying", "plan", "platform",
    "processed_time", "region", "sample_rate", "server_received_time", "server_upload_time", "session_id",
    "source_id", "start_version", "user_creation_time", "user_id", "user_properties", "uuid", "version_name",
)  # fmt: skip
# Where a person was is nobody's business here: these keys are never even parsed.
DROPPED = frozenset({"ip_address", "city", "region", "dma", "location_lat", "location_lng"})
REQUIRED = ("uuid", "event_type", "server_upload_time")

INTEGERS = frozenset({"amplitude_id", "app", "event_id", "session_id"})
TIMES = tuple(key for key in KEYS if key.endswith("_time"))
NESTED = frozenset({
    "amplitude_attribution_ids", "data", "event_properties", "global_user_properties", "group_properties", "groups",
    "plan", "user_properties",
})  # fmt: skip


def _read_type(key: str) -> str:
    if key in INTEGERS:
        return "BIGINT"
    if key in NESTED:
        return "JSON"
    # Times are read as text because Amplitude writes both null and "" for "none".
    return {"uuid": "UUID", "is_attribution_event": "BOOLEAN", "sample_rate": "DOUBLE"}.get(key, "VARCHAR")


def _lake_type(key: str) -> str:
    if key in NESTED:
        return "VARCHAR"
    return "TIMESTAMP" if key in TIMES else _read_type(key)


KEPT = tuple(key for key in KEYS if key not in DROPPED)
READ_TYPES = {key: _read_type(key) for key in KEPT}
PROMOTED = {
    "account_group": "VARCHAR",
    "account_property": "VARCHAR",
    "internal_property": "VARCHAR",
    "email_domain": "VARCHAR",
    "user_id_folded": "VARCHAR",
    "feature_properties": "MAP(VARCHAR, VARCHAR)",
    "insert_hash": "UBIGINT",
}
DERIVED = {"upload_hour": "TIMESTAMP", "occurred_at": "TIMESTAMP", "is_time_corrected": "BOOLEAN"}
LAKE_COLUMNS = {key.lstrip("$"): _lake_type(key) for key in KEPT} | DERIVED | PROMOTED
# insert_hash serves the search for repeats only; readers of events never see it.
EVENT_COLUMNS = {name: kind for name, kind in LAKE_COLUMNS.items() if name != "insert_hash"}

READ_COLUMNS_SQL = "{" + ", ".join(f"'{key}': '{kind}'" for key, kind in READ_TYPES.items()) + "}"


def _kept_expression(key: str) -> str:
    name = key.lstrip("$")
    if key in TIMES:
        return f"CAST(nullif({name}, '') AS TIMESTAMP) AS {name}"
    if key in NESTED:
        return f'CAST("{key}" AS VARCHAR) AS {name}'
    return f'"{key}" AS {name}'


KEPT_SQL = ",\n".join(_kept_expression(key) for key in KEPT)


def pointer(*keys: str) -> str:
    """JSON pointer (RFC 6901) to a nested key; any text is a valid key."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)
