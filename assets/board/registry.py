"""The board's metrics: what each is called and means, its unit, who answers for it, how months make its quarter.

The figures themselves are made by the models ``int_board__…``; a metric there and here is the same word.
"""

from __future__ import annotations

from assets.board.metric import Metric, Unit
from assets.board.usage_metrics import ACTIVE, ADOPTION


def _stock(key: str, name: str, source: str, definition: str, unit: Unit = "currency", good: bool = True) -> Metric:
    return Metric(key, name, "stock", unit, source, definition, good)


def _flow(key: str, name: str, source: str, definition: str, unit: Unit = "currency", good: bool = True) -> Metric:
    return Metric(key, name, "flow", unit, source, definition, good)


_BRIDGE = (
    _stock(
        "arr",
        "ARR",
        "arr_by_segment.closing_arr",
        "Annual recurring revenue at the end of the period, in the reporting currency.",
    ),
    _flow(
        "net_new_arr",
        "Net new ARR",
        "arr_by_segment: new_arr + reactivation_arr + expansion_arr + contraction_arr + churn_arr",
        "What customers added to ARR less what they took away: new, reactivation, expansion, contraction and churn. "
        "Exchange rates, accounts that moved to another segment and migrations to another product are not in it.",
    ),
    _flow(
        "new_arr",
        "New ARR",
        "arr_by_segment.new_arr; of a product line arr_by_product_line.new_logo_arr",
        "ARR of accounts that paid for the first time.",
    ),
    _flow(
        "reactivation_arr",
        "Reactivated ARR",
        "arr_by_segment.reactivation_arr",
        "ARR of accounts that came back after a month end without ARR.",
    ),
    _flow(
        "expansion_arr",
        "Expansion ARR",
        "arr_by_segment.expansion_arr",
        "Growth of accounts that paid at both month ends, without exchange rates.",
    ),
    _flow(
        "contraction_arr",
        "Contraction ARR",
        "arr_by_segment.contraction_arr",
        "Shrinkage of accounts that paid at both month ends, without exchange rates; negative.",
    ),
    _flow(
        "churn_arr",
        "Churned ARR",
        "arr_by_segment.churn_arr; of a product line arr_by_product_line.logo_churn_arr",
        "ARR of accounts that stopped paying at all; negative.",
    ),
    _flow(
        "fx_arr",
        "Exchange rates",
        "arr_by_segment.fx_arr",
        "What exchange rates alone did to ARR; no contract changed by it.",
    ),
    Metric(
        "quick_ratio",
        "Quick ratio",
        "rate",
        "ratio",
        "arr_by_segment: (new_arr + reactivation_arr + expansion_arr) / -(contraction_arr + churn_arr)",
        "ARR won (new, reactivation, expansion) for each unit of ARR lost (contraction, churn). No value where nothing "
        "was lost.",
        of_flows=True,
    ),
)

_ACCOUNTS = (
    _stock(
        "paying_accounts",
        "Paying accounts",
        "arr_by_segment.closing_accounts",
        "Accounts with ARR above zero at the end of the period; in a product line, with ARR in that line.",
        "count",
    ),
    _flow(
        "new_accounts",
        "New accounts",
        "arr_by_segment.new_accounts",
        "Accounts that paid at a month end for the first time.",
        "count",
    ),
    _flow(
        "churned_accounts",
        "Churned accounts",
        "arr_by_segment.churned_accounts",
        "Accounts that paid at the month end before and not at this one; an account can churn twice.",
        "count",
        good=False,
    ),
    _flow(
        "flash_logos",
        "Flash logos",
        "arr_by_segment.flash_logos",
        "Accounts won and lost between two month ends: in no other figure.",
        "count",
        good=False,
    ),
    Metric(
        "arpa",
        "Revenue per account",
        "rate",
        "currency",
        "arr_by_segment: closing_arr / (12 * closing_accounts)",
        "Average monthly recurring revenue per paying account at the end of the period: ARR / 12 / accounts.",
    ),
    Metric(
        "attach_rate",
        "Attach rate",
        "rate",
        "ratio",
        "arr_by_product_line: closing_accounts / company_accounts",
        "Accounts that pay for the product line over all paying accounts, of the company or of the segment.",
    ),
)

_POSITIONS = (
    _stock(
        "carr",
        "Contracted ARR",
        "arr_by_segment_and_product_line.carr",
        "ARR plus what is signed and not live yet, less what that replaces and less ARR under notice.",
    ),
    _stock(
        "arr_at_notice",
        "ARR at notice",
        "arr_by_segment_and_product_line.arr_at_notice",
        "ARR in service at the end of the period whose cancellation has been requested.",
        good=False,
    ),
    _stock(
        "arr_past_due",
        "ARR past due",
        "arr_by_segment_and_product_line.arr_past_due",
        "ARR at the end of the period whose contracts are past due and still counted.",
        good=False,
    ),
)

_PRODUCT = (
    _flow(
        "cross_sell_arr",
        "Cross-sell ARR",
        "arr_by_segment_and_product_line.cross_sell_arr",
        "ARR of a product line that a paying account took for the first time.",
    ),
    _flow(
        "product_winback_arr",
        "Product win-back ARR",
        "arr_by_segment_and_product_line.product_winback_arr",
        "ARR of a product line that a paying account took again after a month end without it.",
    ),
    _flow(
        "upsell_arr",
        "Upsell ARR",
        "arr_by_segment_and_product_line.upsell_arr",
        "Growth within product lines that accounts held at both month ends. Shrinkage elsewhere is not taken off.",
    ),
    _flow(
        "downsell_arr",
        "Downsell ARR",
        "arr_by_segment_and_product_line.downsell_arr",
        "Shrinkage within product lines that accounts held at both month ends; negative.",
    ),
    _flow(
        "product_churn_arr",
        "Product churn ARR",
        "arr_by_segment_and_product_line.product_churn_arr",
        "ARR of product lines that accounts gave up while they kept paying for others; negative.",
    ),
)

_RETENTION = (
    Metric(
        "nrr",
        "Net revenue retention",
        "rate",
        "ratio",
        "revenue_retention over 12 months: end_arr / start_arr",
        "What the accounts that paid twelve months before pay now, over what they paid then, at the exchange rates of "
        "now. In a product line, of the accounts that paid for that line.",
    ),
    Metric(
        "grr",
        "Gross revenue retention",
        "rate",
        "ratio",
        "revenue_retention over 12 months: capped_arr / start_arr",
        "As net revenue retention, but no customer family counts with more than it paid then: growth hides no loss.",
    ),
    Metric(
        "logo_retention",
        "Logo retention",
        "rate",
        "ratio",
        "revenue_retention over 12 months: retained_accounts / cohort_accounts",
        "Accounts that paid twelve months before and pay now, over those that paid then.",
    ),
)

_CONTRACTS = (
    Metric(
        "renewal_rate",
        "Renewal rate",
        "rate",
        "ratio",
        "arr_renewals: arr_renewed / arr_due_to_date",
        "Of the ARR whose term ended in the quarter, the part that continues; growth is left out. Quarters only; of a "
        "quarter that is not over, what has fallen due.",
    ),
)

_LEDGER = (
    Metric(
        "gross_margin",
        "Gross margin",
        "rate",
        "ratio",
        "product_economics: (revenue - cogs) / revenue",
        "Revenue less cost of revenue over revenue, all classes, as the general ledger books them. No value where the "
        "ledger is silent about a month.",
        of_flows=True,
    ),
    Metric(
        "magic_number",
        "Magic number",
        "rate",
        "ratio",
        "product_economics: net_new_arr_quarter / s_and_m_quarter_before",
        "Net new ARR of three months over what sales and marketing cost in the three months before.",
    ),
)

METRICS: tuple[Metric, ...] = (
    *_BRIDGE, *_ACCOUNTS, *_PRODUCT, *_POSITIONS, *_RETENTION, *_CONTRACTS, *_LEDGER, *ACTIVE, *ADOPTION
)  # fmt: skip
