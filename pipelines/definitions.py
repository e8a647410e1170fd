"""Assembly only: the definitions that Dagster loads, for the company and LENS_HOME of the environment."""

from __future__ import annotations

from pipelines.assembly import build_definitions
from pipelines.progress import tell
from pipelines.settings import load_settings

defs = build_definitions(load_settings(), tell)
