"""What earlier deliveries knew and the newest no longer says: items that vanished keep the history they had.

A subscription item (version) that a later delivery lacks ended on the as-of of the first delivery without it.
Its account and product, and what belongs to them, come along when the newest delivery has dropped them too, or the
closed months that counted it would change.
"""

from __future__ import annotations

import duckdb

from assets.finance.contract import BY_NAME
from assets.finance.deliveries import Delivery
from assets.warehouse import RAW

_ITEM = "item_id, version_no"


def add_vanished(con: duckdb.DuckDBPyConnection, kept: list[Delivery]) -> None:
    """Append vanished items to ``raw.subscription_items`` (``vanished_on`` set), and what they lean on."""
    with_items = [d for d in kept if "subscription_items" in d.tables]
    if len(kept) < 2 or not with_items or kept[-1].mode != "full":
        return
    _make_presence(con, kept, with_items)
    # First delivery after the last one in which the row was there; a row set aside in quarantine is there.
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE vanished AS
        SELECT {_ITEM}, max(number) FILTER (WHERE is_accepted) AS last_accepted,
            (SELECT min_by(as_of, number) FROM delivery_list WHERE number > max(presence.number)) AS vanished_on
        FROM presence GROUP BY {_ITEM}
        HAVING max(number) < (SELECT max(number) FROM delivery_list) AND last_accepted IS NOT NULL
        """
    )
    by_number = {d.number: d for d in kept}
    for (number,) in con.execute("SELECT DISTINCT last_accepted FROM vanished ORDER BY 1 DESC").fetchall():
        _carry_items(con, by_number[number])
    for delivery in reversed(kept[:-1]):  # the newest row known of a missing account or product wins
        if not _carry_missing(con, delivery):
            break


def _make_presence(con: duckdb.DuckDBPyConnection, kept: list[Delivery], with_items: list[Delivery]) -> None:
    con.execute("CREATE OR REPLACE TEMP TABLE delivery_list(number INTEGER, as_of DATE, item_file VARCHAR)")
    con.executemany(
        "INSERT INTO delivery_list VALUES (?, ?, ?)",
        [(d.number, d.as_of, str(d.table("subscription_items") or "")) for d in kept],
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE presence AS
        SELECT number, {_ITEM}, true AS is_accepted
        FROM read_parquet(?, filename = true) items JOIN delivery_list ON item_file = items.filename
        """,
        [[str(d.table("subscription_items")) for d in with_items]],
    )
    for delivery in kept:
        if delivery.quarantined.get("subscription_items"):
            con.execute(
                """
                INSERT INTO presence
                SELECT ?, raw_row ->> '$.item_id', coalesce(try_cast(raw_row ->> '$.version_no' AS INTEGER), 1), false
                FROM read_parquet(?) WHERE table_name = 'subscription_items'
                """,
                [delivery.number, str(delivery.folder / "quarantine.parquet")],
            )


def _carry_items(con: duckdb.DuckDBPyConnection, delivery: Delivery) -> None:
    """Append the items last seen in this delivery, with the discounts that they had in it."""
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE carried AS SELECT items.*, vanished_on FROM read_parquet(?) items "
        f"JOIN vanished USING ({_ITEM}) WHERE last_accepted = ?",
        [str(delivery.table("subscription_items")), delivery.number],
    )
    con.execute(f"INSERT INTO {RAW}.subscription_items BY NAME SELECT * FROM carried")
    _append(
        con,
        delivery,
        "discounts",
        "(item_id IN (SELECT item_id FROM carried) OR subscription_id IN (SELECT subscription_id FROM carried)) "
        f"AND discount_id NOT IN (SELECT discount_id FROM {RAW}.discounts)",
    )


def _carry_missing(con: duckdb.DuckDBPyConnection, delivery: Delivery) -> bool:
    """Append accounts (with their segments) and products that items still need, as this delivery knew them.
    False when nothing is missing any more."""
    missing = {}
    for name, key in (("accounts", "account_id"), ("products", "product_id")):
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE missing_{name} AS "
            f"SELECT {key} FROM {RAW}.subscription_items EXCEPT SELECT {key} FROM {RAW}.{name}"
        )
        missing[name] = bool(con.execute(f"SELECT 1 FROM missing_{name} LIMIT 1").fetchall())
    if missing["accounts"]:
        known = f"SELECT amplitude_value FROM {RAW}.identity_map"  # a value given to another account stays there
        _append(
            con,
            delivery,
            "identity_map",
            f"account_id IN (FROM missing_accounts) AND amplitude_value NOT IN ({known})",
        )
        for name in ("account_segments", "entitlements", "accounts"):
            _append(con, delivery, name, "account_id IN (FROM missing_accounts)")
    if missing["products"]:
        _append(con, delivery, "bundle_allocation", "bundle_product_id IN (FROM missing_products)")
        _append(con, delivery, "products", "product_id IN (FROM missing_products)")
    return any(missing.values())


def _append(con: duckdb.DuckDBPyConnection, delivery: Delivery, name: str, condition: str) -> None:
    path = delivery.table(name)
    if path is not None:
        columns = ", ".join(f'"{c}"' for c in BY_NAME[name].names)
        con.execute(
            f"INSERT INTO {RAW}.{name} BY NAME SELECT {columns} FROM read_parquet(?) WHERE {condition}", [str(path)]
        )
