"""The board's metrics of usage: who is active, and who uses what they are entitled to."""

from __future__ import annotations

from assets.board.metric import Metric

ACTIVE = (
    Metric(
        "active_users",
        "Active users",
        "stock",
        "count",
        "active_usage by month, unit user: active",
        "People with at least one active event in the last month of the period; in a product line or feature set, who "
        "used it. Never added up over months.",
        owner="product",
        publish_group="usage",
    ),
    Metric(
        "active_accounts",
        "Active accounts",
        "stock",
        "count",
        "active_usage by month, unit account: active",
        "Accounts with at least one active event in the last month of the period; in a product line or feature set, "
        "that used it. Never added up over months.",
        owner="product",
        publish_group="usage",
    ),
    Metric(
        "stickiness",
        "Stickiness",
        "rate",
        "ratio",
        "active_usage by month, unit user: daily_active_sum / rolling_28d_sum",
        "Users of an average day over those of the 28 days before it, over the days of the last month.",
        owner="product",
        publish_group="usage",
    ),
)

ADOPTION = (
    Metric(
        "adoption_rate",
        "Adoption",
        "rate",
        "ratio",
        "adoption: current_accounts / entitled_accounts",
        "Of the accounts entitled at the end of the period, those that used it in the last 28 days; over everything, "
        "that used anything they are entitled to.",
        owner="product",
        publish_group="joint",
    ),
    Metric(
        "established_rate",
        "Established adoption",
        "rate",
        "ratio",
        "adoption: adopted_established / entitled_accounts",
        "Of the accounts entitled at the end of the period, those that have ever used it on enough days within the "
        "company's window; over everything, anything they are entitled to.",
        owner="product",
        publish_group="joint",
    ),
    Metric(
        "arr_adoption_rate",
        "Adopted ARR",
        "rate",
        "ratio",
        "adoption: adopted_arr / entitled_arr",
        "Adoption weighted by money: of the ARR that entitled accounts pay for the product line, that of accounts that "
        "used it in the last 28 days.",
        owner="product",
        publish_group="joint",
    ),
)
