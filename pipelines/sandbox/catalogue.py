"""What the sandbox company sells: sizes, industries, product lines and products."""

from __future__ import annotations

from dataclasses import dataclass

SIZE_SEGMENTS = ("smb", "mid_market", "enterprise")
INDUSTRIES = ("retail", "manufacturing")
LINES = ("workspace", "automation", "insights", "assistant")  # assistant is launched in the middle of the history
OWN_DOMAIN = "northwind.example"
INTERNAL_ACCOUNT = "acct-internal"


@dataclass(frozen=True)
class Product:
    """One sellable product; ``price`` is the list price a seat (or per contract) and month, in whole units."""

    product_id: str
    name: str
    line: str
    family: str
    price: int
    is_recurring: bool = True


PRODUCTS = (
    Product("workspace-team", "Workspace Team", "workspace", "Workspace", 18),
    Product("workspace-enterprise", "Workspace Enterprise", "workspace", "Workspace", 34),
    Product("reports-classic", "Reports Classic", "workspace", "Reports", 9),
    Product("insights-pro", "Insights Pro", "insights", "Insights", 16),
    Product("automation-runs", "Automation", "automation", "Automation", 12),
    Product("automation-commit", "Automation Commit", "automation", "Automation", 0),
    Product("automation-overage", "Automation Overage", "automation", "Automation", 0),
    Product("assistant-seat", "Assistant", "assistant", "Assistant", 22),
    Product("growth-bundle", "Growth Bundle", "workspace", "Bundles", 40),
    Product("onboarding", "Onboarding Package", "workspace", "Services", 2400, is_recurring=False),
)
BUNDLE = {"workspace": "0.5", "insights": "0.3", "automation": "0.2"}
SUCCESSION = ("reports-classic", "insights-pro")
