"""A made-up company's finance tables, straight into a warehouse file: big enough to measure the money marts on.

Everything follows from hashes of row numbers, so that the same size is the same company on every machine. Lives of
items are shares of the history: twice the months is the same customers for twice as long, with twice the versions.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import duckdb

from assets.board.choice import choose
from assets.board.close_raw import load_closes
from assets.company.model import Company
from assets.company.raw import write_raw
from assets.finance.contract import TABLES
from assets.home import Home
from assets.warehouse import RAW, write

AS_OF = date(2026, 10, 31)
CURRENCIES = {"USD": 1.0, "EUR": 1.08, "GBP": 1.27, "JPY": 0.0067, "AUD": 0.66}
_LINES = ["Core", "Insights", "Flow", "Guard", "Desk", "Cloud", "Mobile", "Data", "Pay", "Learn"]
_EVERY_ITEM = 2  # versions of an item on average, in 60 months

# u(n, what): a number in [0, 1) that is fixed for a row and a purpose
_MACROS = """
CREATE OR REPLACE TEMP MACRO u(n, what) AS (hash(n, what) % 1000003) / 1000003.0;
CREATE OR REPLACE TEMP MACRO id(prefix, n) AS prefix || lpad(n::VARCHAR, (18 - length(prefix))::INT, '0')
"""  # ids are as long as those of billing systems and CRMs: short ones would be cheaper to compare

_ACCOUNTS = """
INSERT INTO raw.accounts BY NAME
SELECT id('acct-', n) AS account_id, 'Account ' || n AS account_name,
    CASE WHEN u(n, 'child') < 0.1 THEN id('acct-', n // 2) END AS parent_account_id, 'US' AS billing_country,
    u(n, 'internal') < 0.005 AS is_internal_test
FROM range($accounts) AS t(n)
"""

# a size and a region each; one account in ten changes its size once, one in a hundred its region
_SEGMENTS = """
INSERT INTO raw.account_segments BY NAME
WITH spans AS (
    SELECT n, dimension, part, u(n, dimension) < CASE dimension WHEN 'size' THEN 0.1 ELSE 0.01 END AS moves,
        $start + (30 + u(n, dimension || 'on') * ($months * 30 - 60))::INT AS moved_on
    FROM range($accounts) AS t(n), (VALUES ('size'), ('region')) AS d(dimension), (VALUES (0), (1)) AS p(part)
)
SELECT id('acct-', n) AS account_id, dimension,
    CASE dimension
        WHEN 'size' THEN ['small', 'mid', 'enterprise'][1 + (hash(n, 's') % 3 + part)::INT % 3]
        ELSE ['americas', 'emea', 'apac', 'anz'][1 + (hash(n, 'r') % 4 + part)::INT % 4]
    END AS value,
    CASE WHEN part = 0 THEN DATE '2000-01-01' ELSE moved_on END AS valid_from,
    CASE WHEN part = 0 AND moves THEN moved_on END AS valid_to
FROM spans WHERE part = 0 OR moves
"""

# thirty products on ten lines; two of them bundles, one changes its line, one is not recurring, one follows another
_PRODUCTS = f"""
INSERT INTO raw.products BY NAME
SELECT 'p' || n AS product_id, 'Product ' || n AS product_name, {_LINES}[1 + (n % 10)::INT] AS product_line,
    n <> 29 AS is_recurring, NULL::DATE AS valid_from, CASE WHEN n = 7 THEN $middle END AS valid_to
FROM range(30) AS t(n)
UNION ALL SELECT 'p7', 'Product 7', 'Core', true, $middle, NULL;
INSERT INTO raw.product_succession BY NAME
SELECT 'p3' AS from_product_id, 'p4' AS to_product_id, $middle AS effective_date;
INSERT INTO raw.bundle_allocation BY NAME
SELECT 'p' || n AS bundle_product_id, product_line, share, DATE '2000-01-01' AS valid_from
FROM (VALUES (1, 'Core', 0.6), (1, 'Insights', 0.4), (2, 'Flow', 0.33333333), (2, 'Guard', 0.33333333),
    (2, 'Desk', 0.33333334)) AS b(n, product_line, share)
"""

# some accounts have many items; most items live to the end, a few for days; one in thirty takes over from one before
_ITEMS = """
CREATE OR REPLACE TEMP TABLE item AS
WITH drawn AS (
    SELECT n, ($accounts * pow(u(n, 'account'), 1.3))::INT AS account,
        (pow(u(n, 'start'), 1.5) * 0.8 * $days)::INT AS begins,
        CASE WHEN u(n, 'open') < 0.6 THEN $days WHEN u(n, 'open') > 0.98 THEN 11
            ELSE ((0.05 + 0.6 * u(n, 'life')) * $days)::INT END AS life_drawn,
        'p' || (hash(n, 'product') % 30) AS product_id,
        [1, 1, 2, 3, 3][1 + (hash(n, 'versions') % 5)::INT] * $months // 60 AS versions,
        CASE WHEN u(n, 'model') < 0.04 THEN 'committed_usage' WHEN u(n, 'model') < 0.07 THEN 'metered' ELSE 'licensed'
        END AS pricing_model,
        ['month', 'month', 'month', 'month', 'month', 'month', 'year', 'year', 'week', 'term']
            [1 + (hash(n, 'interval') % 10)::INT] AS "interval",
        0.5 + 99.5 * u(n, 'price') AS price
    FROM range($items) AS t(n)
)
SELECT * EXCLUDE (begins, life_drawn), $start + begins AS starts_on,
    least(life_drawn, $days - begins + 1) AS life,
    ['USD', 'USD', 'USD', 'USD', 'USD', 'USD', 'EUR', 'EUR', 'GBP', 'JPY', 'AUD'][1 + (hash(account, 'c') % 11)::INT]
        AS currency,
    CASE WHEN u(n, 'replaces') < 0.03 THEN lag(id('item-', n)) OVER (PARTITION BY account ORDER BY begins, n) END
        AS replaces_item_id
FROM drawn
"""

_VERSIONS = """
INSERT INTO raw.subscription_items BY NAME
WITH parts AS (
    SELECT *, unnest(range(versions)) AS part FROM item
),
version AS (
    SELECT *, starts_on + (life * part // versions)::INT AS since,
        starts_on + (life * (part + 1) // versions)::INT AS til,
        u(n * 100 + part, 'status') AS draw
    FROM parts
)
SELECT id('item-', n) AS item_id, (part + 1)::INT AS version_no,
    id('sub-', account * 10 + hash(n, 'subscription') % 2) AS subscription_id, id('acct-', account) AS account_id,
    product_id,
    CASE WHEN part = 0 AND draw < 0.02 THEN 'trialing' WHEN part = 0 THEN 'active'
        WHEN draw < 0.02 THEN 'past_due' WHEN draw < 0.03 THEN 'paused' WHEN draw < 0.035 THEN 'unpaid' ELSE 'active'
    END AS status,
    since AS effective_from,
    CASE WHEN til <= $as_of THEN til END AS effective_to,
    CASE WHEN "interval" = 'term' THEN since END AS term_start,
    CASE WHEN "interval" = 'term' THEN (since + INTERVAL 2 YEAR)::DATE END AS term_end,
    CASE WHEN part = 0 AND u(n, 'signed') < 0.5 THEN since - 25 END AS signed_date,
    CASE WHEN part + 1 = versions AND til <= $as_of AND u(n, 'notice') < 0.5 THEN til - 60 END AS cancel_requested_at,
    CASE WHEN part + 1 = versions AND til <= $as_of
        THEN ['voluntary', 'involuntary', NULL][1 + (hash(n, 'end') % 3)::INT] END AS end_reason,
    CASE WHEN part = 0 THEN replaces_item_id END AS replaces_item_id, currency,
    1 + hash(n, part // 2, 'quantity') % 60 AS quantity,
    round(price * pow(1.05, (part + 1) // 2), CASE WHEN u(n, 'digits') < 0.1 THEN 4 ELSE 2 END) AS unit_amount,
    "interval",
    CASE WHEN "interval" = 'month' AND u(n, 'quarterly') < 0.1 THEN 3 ELSE 1 END AS interval_count, pricing_model,
    CASE WHEN pricing_model = 'committed_usage' THEN round(price * 20, 2) END AS committed_amount
FROM version WHERE since <= $as_of
"""

# of every hundred items twelve have a percentage, four an amount, one both; every fiftieth subscription an amount
_DISCOUNTS = """
INSERT INTO raw.discounts BY NAME
SELECT 'off-' || n AS discount_id, id('item-', n) AS item_id, NULL AS subscription_id, 'percent' AS kind,
    5 * (1 + hash(n, 'percent') % 8) AS value, ['repeating', 'forever', 'once'][1 + least(hash(n, 'd') % 8, 2)::INT]
        AS duration,
    starts_on, CASE WHEN hash(n, 'd') % 8 = 0 THEN starts_on + 365 END AS ends_on, NULL AS currency
FROM item WHERE u(n, 'off') < 0.13
UNION ALL
SELECT 'less-' || n, id('item-', n), NULL, 'amount', round(price / 4, 2), 'forever', starts_on + 40, NULL, currency
FROM item WHERE u(n, 'off') BETWEEN 0.12 AND 0.16
UNION ALL
SELECT 'subless-' || n, NULL, id('sub-', account * 10 + hash(n, 'subscription') % 2), 'amount', 3.33, 'repeating',
    starts_on, starts_on + 500, currency
FROM item WHERE u(n, 'suboff') < 0.02
"""

_RATES = f"""
INSERT INTO raw.fx_rates BY NAME
SELECT last_day(month) AS rate_date, currency AS from_currency, 'USD' AS to_currency,
    round(base * (0.9 + 0.2 * u(currency, month::VARCHAR || rate_type)), 8) AS rate, rate_type
FROM (SELECT ($start + to_months(n::INT))::DATE AS month FROM range($months) AS t(n)),
    (SELECT unnest({list(CURRENCIES)}) AS currency, unnest({list(CURRENCIES.values())}) AS base),
    (VALUES ('month_end'), ('average')) AS r(rate_type)
WHERE currency <> 'USD'
UNION ALL SELECT $start, unnest({list(CURRENCIES)}), 'USD', unnest({list(CURRENCIES.values())}), 'plan'
"""

# billed in advance as contracted, the last period cut by days where a version ends; what was forgotten is for the
# tie-out to find: the end of every twentieth item, and amounts off whole subscriptions
_INVOICES = """
INSERT INTO raw.invoice_lines BY NAME
WITH replaced AS (
    SELECT replaces_item_id AS item_id, min(effective_from) AS replaced_on FROM raw.subscription_items
    WHERE replaces_item_id IS NOT NULL GROUP BY ALL
),
sold AS (
    SELECT items.*, least(coalesce(effective_to, DATE '9999-12-31'), coalesce(replaced_on, DATE '9999-12-31')) AS til,
        CASE "interval" WHEN 'year' THEN INTERVAL 1 YEAR WHEN 'term' THEN INTERVAL 2 YEAR
            WHEN 'week' THEN INTERVAL 28 DAY ELSE to_months(interval_count) END AS every,
        CASE pricing_model WHEN 'committed_usage' THEN committed_amount ELSE quantity * unit_amount END
            * CASE "interval" WHEN 'week' THEN 4 ELSE 1 END AS price
    FROM raw.subscription_items AS items LEFT JOIN replaced USING (item_id)
    WHERE status IN ('active', 'past_due')
),
billed AS (
    SELECT *, unnest(generate_series(effective_from, least(til - 1, $as_of), every))::DATE AS bills_on
    FROM sold WHERE effective_from < til
),
spans AS (
    SELECT *, (bills_on + every)::DATE AS ends_on,
        CASE WHEN hash(item_id, 'forgets') % 20 = 0 THEN (bills_on + every)::DATE
            ELSE least((bills_on + every)::DATE, til) END AS billed_to
    FROM billed
)
SELECT 'inv-' || account_id || '-' || bills_on AS invoice_id, spans.item_id || '-' || bills_on AS line_id, account_id,
    spans.item_id, product_id, bills_on AS invoice_date, bills_on AS service_start, billed_to AS service_end,
    round(greatest(price * coalesce(1 - percents.value / 100, 1)
        - coalesce(amounts.value, 0) * CASE "interval" WHEN 'week' THEN 4 ELSE 1 END, 0)
        * (billed_to - bills_on) / (spans.ends_on - bills_on), 2) AS amount,
    spans.currency, billed_to < spans.ends_on AS is_proration, true AS is_recurring,
    CASE pricing_model WHEN 'metered' THEN 'usage' ELSE 'charge' END AS line_type, 'paid' AS invoice_status
FROM spans LEFT JOIN raw.discounts AS percents
    ON spans.item_id = percents.item_id AND percents.kind = 'percent' AND percents.duration <> 'once'
        AND bills_on >= percents.starts_on AND bills_on < coalesce(percents.ends_on, DATE '9999-12-31')
LEFT JOIN raw.discounts AS amounts
    ON spans.item_id = amounts.item_id AND amounts.kind = 'amount' AND bills_on >= amounts.starts_on
"""

_LEDGER = """
INSERT INTO raw.gl_revenue BY NAME
SELECT date_trunc('month', lines.invoice_date)::DATE AS period_month, '4000' AS gl_account,
    'recurring' AS revenue_class, products.product_line, sum(lines.amount) AS amount, lines.currency,
    true AS is_closed
FROM raw.invoice_lines AS lines JOIN raw.products AS products USING (product_id)
WHERE products.valid_to IS NULL GROUP BY ALL
UNION ALL
SELECT ($start + to_months(n::INT))::DATE, '5000', class, line, 10000 + 1000 * (hash(n, class, line) % 50), 'USD', true
FROM range($months) AS t(n), (VALUES ('cogs'), ('s_and_m'), ('r_and_d')) AS c(class),
    (SELECT unnest(['Core', 'Insights', 'Flow', 'Guard', 'Desk']) AS line)
"""


def build(warehouse: Path, months: int, accounts: int = 50_000, versions: int = 200_000) -> None:
    """Fill the raw tables of a new warehouse. ``versions`` is what 60 months hold; other histories in proportion."""
    company = Company(
        folder=warehouse.parent, name="Benchmark", reporting_currency="USD", lens_dimensions=("size", "region")
    )
    start = date(AS_OF.year - months // 12, AS_OF.month + 1, 1)
    values = {
        "accounts": accounts, "items": versions // _EVERY_ITEM, "months": months, "start": start, "as_of": AS_OF,
        "days": (AS_OF - start).days, "middle": start + (AS_OF - start) / 2,
    }  # fmt: skip
    with write(warehouse) as con:
        write_raw(con, company)
        choose(company).write(con)
        load_closes(con, Home(warehouse.parent), "benchmark", "models")
        for table in TABLES:
            extra = ", vanished_on DATE" if table.name == "subscription_items" else ""
            columns = ", ".join(f'"{column.name}" {column.sql_type}' for column in table.columns)
            con.execute(f"CREATE OR REPLACE TABLE {RAW}.{table.name} ({columns}{extra})")
        con.execute(
            f"""CREATE OR REPLACE TABLE {RAW}.finance_state AS SELECT 'full' AS mode, DATE '{AS_OF}' AS as_of,
            1 AS delivery_number, '0' AS content_hash, DATE '{AS_OF}' AS landed_on, true AS has_invoices,
            true AS has_gl, false AS has_control_totals, false AS has_entitlements, false AS has_identity_map"""
        )
        for batch in (
            _MACROS, _ACCOUNTS, _SEGMENTS, _PRODUCTS, _ITEMS, _VERSIONS, _DISCOUNTS, _RATES, _INVOICES, _LEDGER
        ):  # fmt: skip
            for statement in batch.split(";"):
                _run(con, statement, values)


def _run(con: duckdb.DuckDBPyConnection, statement: str, values: dict[str, object]) -> None:
    con.execute(statement, {name: value for name, value in values.items() if f"${name}" in statement})


if __name__ == "__main__":
    build(Path(sys.argv[1]), *(int(size) for size in sys.argv[2:]))
