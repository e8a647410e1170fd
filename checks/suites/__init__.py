"""Every check, as plain data: ``SUITES``."""

from __future__ import annotations

from checks.model import Suite, unique
from checks.suites.conservation import CONSERVATION
from checks.suites.contents import CONTENTS
from checks.suites.drift import DRIFT
from checks.suites.freshness import FRESHNESS
from checks.suites.rates import RATES
from checks.suites.restatements import RESTATEMENTS
from checks.suites.tie_out import TIE_OUT

SUITES: tuple[Suite, ...] = unique((*TIE_OUT, *CONSERVATION, *FRESHNESS, *CONTENTS, *RATES, *RESTATEMENTS, *DRIFT))
