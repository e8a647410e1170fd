"""Whatever the contract history: every identity holds to the cent, and the order of input rows changes nothing."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from support.money_identities import broken
from support.money_world import Query, build_money, contents
from support.random_contracts import History

# each example builds a company of many accounts twice; a seed has nothing to shrink
EXAMPLES = settings(
    max_examples=2, deadline=None, derandomize=True, database=None, phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@EXAMPLES
@given(seed=st.integers(min_value=1, max_value=2**32))
def test_every_identity_holds_and_rows_may_come_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    history = History(seed)
    query = build_money(tmp_path_factory, tmp_path_factory.mktemp("history") / "warehouse.duckdb", history.tables())
    assert query("SELECT count(*) > 500 FROM marts.fct_arr_movement") == [(True,)]
    assert broken(query) == {}
    assert unlike_the_rulings(query) == []
    shuffled = tmp_path_factory.mktemp("shuffled") / "warehouse.duckdb"
    assert contents(build_money(tmp_path_factory, shuffled, history.shuffled(seed))) == contents(query)


def unlike_the_rulings(query: Query) -> list[tuple[object, ...]]:
    """Movements of lines without migration whose class is another than a plain reading of the ARR facts gives."""
    arr: dict[str, dict[str, dict[date, Decimal]]] = defaultdict(lambda: defaultdict(dict))
    for account, line, month, amount in query(
        "SELECT account_id, product_line, month_start, sum(arr) FROM marts.fct_arr_month GROUP BY ALL ORDER BY ALL"
    ):
        arr[account][line][month] = amount
    wrong = []
    for month, account, line, movement, delta in query(
        "SELECT month_start, account_id, product_line, movement, arr_delta FROM marts.fct_arr_movement AS m "
        "WHERE grain = 'product' AND movement <> 'fx' AND NOT EXISTS (SELECT 1 FROM marts.fct_arr_movement AS o "
        "WHERE o.movement LIKE 'migration%' AND (o.month_start, o.account_id, o.product_line) = "
        "(m.month_start, m.account_id, m.product_line))"
    ):
        lines = arr[account]
        months = sorted({month for amounts in lines.values() for month in amounts})
        whole = {
            then: sum((amounts.get(then, Decimal(0)) for amounts in lines.values()), Decimal(0)) for then in months
        }
        logo, own = _change(whole, month), _change(lines[line], month)
        expected = {"new": "new_logo", "back": "reactivation", "gone": "logo_churn"}.get(logo) or {
            "new": "cross_sell", "back": "product_winback", "gone": "product_churn",
        }.get(own, "upsell" if delta > 0 else "downsell")  # fmt: skip
        if movement != expected:
            wrong.append((month, account, line, movement, expected))
    return wrong


def _change(amounts: dict[date, Decimal], month: date) -> str:
    """What two month ends say about an account or a line: new, back, gone or neither."""
    before = date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)
    was, now = amounts.get(before, Decimal(0)) > 0, amounts.get(month, Decimal(0)) > 0
    if was == now:
        return "neither"
    if was:
        return "gone"
    return "back" if any(then < month and amount > 0 for then, amount in amounts.items()) else "new"
