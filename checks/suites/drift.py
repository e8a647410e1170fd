"""What the instrumentation changed without a word: keys, types of properties, event types, volume. Nothing blocks."""

from __future__ import annotations

from checks.model import Expect, Suite


def _steady(kind: str, asset: str, says: str, mend: str, configured_when: str) -> Suite:
    return Suite(
        name=f"drift_{kind}",
        frame="audit.audit_drift",
        rows={"kind": kind},
        asset=("marts", asset),
        group="usage",
        severity="warn",
        description="The last seven upload days beside what came before; the list names each change and its owner.",
        owner="team:data",
        mend=mend,
        configured_when=configured_when,
        expectations=(
            Expect("expect_column_values_to_be_between", f"drift_{kind}", says, {"column": "findings", "max_value": 0}),
        ),
    )


_A_WEEK = "once there is more than a week of history"
_ASK = "ask the owner whether it is meant; "

DRIFT: tuple[Suite, ...] = (
    _steady(
        "new_keys",
        "extraction_hours",
        "the export has Amplitude's 55 keys and no new ones",
        "a new key is not kept: see whether Amplitude announced it, and ask for it if it is of use",
        "always",
    ),
    _steady(
        "missing_keys",
        "extraction_hours",
        "no key of Amplitude's 55 is missing from the export",
        "a missing key reads as null: see what writes these files, and land the hours again when it is mended",
        "always",
    ),
    _steady(
        "property_types",
        "fct_feature_usage_day",
        "no event property changed its type",
        _ASK + "rules of features.csv that name the property compare its text",
        _A_WEEK,
    ),
    _steady(
        "event_types",
        "unmapped_events",
        "no new event type came up",
        _ASK + "map it in features.csv if it is use of a feature",
        _A_WEEK,
    ),
    _steady(
        "volume",
        "extraction_hours",
        "every upload hour has about as many events as that hour of the week used to have",
        "look for an outage, a release or a loop in the client that sends; if it is real, launches.csv can say so",
        "once there are four weeks of history before the last one",
    ),
)
