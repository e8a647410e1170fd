"""Money agrees with itself and with what the CFO reported, and none of it lacks an exchange rate."""

from __future__ import annotations

from checks.model import Expect, Severity, Suite

HANDED_OVER = "when finance is handed over"


def _tie_out(check_key: str, severity: Severity, says: str, description: str, mend: str, configured_when: str) -> Suite:
    return Suite(
        name=f"tie_out_{check_key}",
        frame="audit.audit_tie_out",
        rows={"check_key": check_key},
        asset=("marts", "tie_out"),
        group="money",
        severity=severity,
        description=description,
        owner="team:finance",
        mend=mend,
        configured_when=configured_when,
        expectations=(
            Expect("expect_column_values_to_be_between", check_key, says, {"column": "lines_off", "max_value": 0}),
        ),
    )


TIE_OUT: tuple[Suite, ...] = (
    _tie_out(
        "roll_forward",
        "block",
        "opening ARR plus all movements is closing ARR",
        "In every month and segment, opening ARR plus movements and transfers is closing ARR to the cent.",
        "look at those months in marts.tie_out and arr_by_segment; a restated source row usually explains them",
        HANDED_OVER,
    ),
    _tie_out(
        "grains_agree",
        "block",
        "every grain of the money marts sums to the same ARR",
        "ARR by account, segment, product line and both together is the same sum in every month, to the cent.",
        "look at those months in marts.tie_out; the two sides are named there",
        HANDED_OVER,
    ),
    _tie_out(
        "control_total",
        "warn",
        "ARR is what finance already reported",
        "The figures equal the control totals that finance handed over, to the cent.",
        "compare those months of marts.tie_out with control_totals and settle with finance which of the two is right",
        "when finance hands over control_totals",
    ),
    *(
        Suite(
            name=f"tie_out_{check_key}",
            frame="audit.audit_tie_out",
            rows={"check_key": check_key},
            asset=("marts", "tie_out"),
            group="money",
            severity="warn",
            description=description,
            owner="team:finance",
            mend="marts.tie_out_detail lists what each consists of; docs/operating.md says what to do about it",
            configured_when=configured_when,
            expectations=(
                Expect(
                    "expect_column_values_to_be_between",
                    check_key,
                    f"{says}, to within twice the tolerance",
                    {"column": "lines_off", "max_value": 0},
                ),
                Expect(
                    "expect_column_values_to_be_between",
                    f"{check_key}_within_tolerance",
                    f"{says}, to within the tolerance",
                    {"column": "lines_warned", "max_value": 0},
                ),
            ),
        )
        for check_key, says, description, configured_when in (
            (
                "arr_to_billing",
                "what is under contract was invoiced",
                "Contract revenue of each month is what was invoiced for it, but for what tie_out_detail explains.",
                "when finance hands over invoice_lines and contracts",
            ),
            (
                "mrr_to_gl",
                "what is under contract was booked",
                "Contract revenue of each month is the ledger's recurring one, but for what tie_out_detail explains.",
                "when finance hands over gl_revenue",
            ),
        )
    ),
    Suite(
        name="exchange_rates",
        frame="audit.audit_exchange_rates",
        asset=("marts", "fct_arr_month"),
        group="money",
        severity="block",
        description="Every month with money in a foreign currency has its month-end rate: without one it is held back.",
        owner="team:finance",
        mend="add the month-end rates to fx_rates",
        configured_when=HANDED_OVER,
        expectations=(
            Expect(
                "expect_column_values_to_be_between",
                "exchange_rates_present",
                "no month lacks an exchange rate",
                {"column": "rates_missing", "max_value": 0},
            ),
        ),
    ),
    Suite(
        name="contract_values",
        frame="audit.audit_contract_values",
        asset=("marts", "fct_arr_month"),
        group="money",
        severity="warn",
        description="Every contract row that should be ARR can be valued, and every amount discount can be deducted.",
        owner="team:finance",
        mend="complete those rows of subscription_items and discounts; audit.items_unvalued says what each one lacks",
        configured_when="when finance hands over subscription_items",
        expectations=(
            Expect(
                "expect_column_values_to_be_between",
                "contract_rows_valued",
                "no contract row is left without a value",
                {"column": "items_unvalued", "max_value": 0},
            ),
        ),
    ),
)
