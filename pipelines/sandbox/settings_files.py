"""``company.yaml`` and ``board.yaml`` of the sandbox company: commented, because people copy them."""

from __future__ import annotations

from pathlib import Path

from pipelines.sandbox.catalogue import INTERNAL_ACCOUNT, OWN_DOMAIN
from pipelines.sandbox.spec import FISCAL_YEAR_STARTS_IN, TIME_ZONE, SandboxSpec

_COMPANY = """\
# The embedded sandbox company. Nothing in here is real.
name: Northwind Cloud
time_zone: {zone}                # every timestamp becomes a local date once, in this zone
week_starts_on: monday
fiscal_year_starts_in: {fiscal}                  # quarters are fiscal quarters: February to April is the first
reporting_currency: USD
lens_dimensions: [size, industry]         # the first is the default lens of the board

events:
  source: {source}
  start_date: {start}
  account_group_type: account             # the Amplitude group type whose value names the account
  account_from: [event_group, user_property, user_membership]
  account_user_property: account_id
  internal:                               # staff are counted in staging, and in no mart
    email_domains: [{domain}]
    accounts: [{internal}]
  inactive_event_types: [session_start, session_end, $identify, $groupidentify, "push*"]

finance:
  path: finance/
  as_of: {as_of}                       # months that end at or before this day are complete

policy:
  discounts: recurring                    # repeating and forever discounts lower ARR, one-off ones do not
  churn_at: service_end
  close_day: 8                            # a month closes on the 8th of the next
"""

_BOARD = """\
# What the board and the quarterly reviews see, in this order; docs/metrics.md lists every metric there is.
metrics:
  - {{metric: arr, target: null}}
  - {{metric: net_new_arr, target: null}}
  - {{metric: nrr, target: 1.05}}
  - {{metric: grr, target: 0.90}}
  - {{metric: quick_ratio, target: 3.0}}
  - {{metric: adoption_rate, target: null}}

# A review has a date, or a rule on the fiscal calendar; everything is refreshed so many days before it.
reviews:
  - name: Quarterly business review
    rule: third Thursday after quarter end
    refresh_days_before: 2
  - name: Board meeting
    rule: fourth Tuesday after quarter end
    refresh_days_before: 3
  - name: Annual planning
    date: {planning}
    refresh_days_before: 5
"""


_SOURCES = {
    "archive": "export_archive\n  path: events/                           # Export API zips, one per upload day",
    "server": "sandbox                         # an Amplitude of its own, on this machine only",
}


def write_settings(folder: Path, spec: SandboxSpec, via: str) -> None:
    """Write both files into the company folder."""
    company = _COMPANY.format(
        source=_SOURCES[via],
        zone=TIME_ZONE,
        fiscal=FISCAL_YEAR_STARTS_IN,
        start=spec.first_usage_day,
        domain=OWN_DOMAIN,
        internal=INTERNAL_ACCOUNT,
        as_of=spec.last_day,
    )
    board = _BOARD.format(planning=spec.last_day.replace(month=12, day=8))
    (folder / "company.yaml").write_text(company, encoding="utf-8", newline="\n")
    (folder / "board.yaml").write_text(board, encoding="utf-8", newline="\n")
