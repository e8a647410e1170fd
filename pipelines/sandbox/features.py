"""The sandbox company's feature registry and the events that show each feature's use.

The registry exercises every way a rule can match: exact event types, wildcards, a shared event told apart by a
property, several rules for one feature, one event that feeds two features, and a feature nobody ever used.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.sandbox.catalogue import SIZE_SEGMENTS

ROLES = ("admin", "builder", "viewer")
Shares = tuple[float, float, float]
_EVERYONE, _ADMINS, _BUILDERS = (1.0, 1.0, 1.0), (1.0, 0.25, 0.02), (0.8, 1.0, 0.08)


@dataclass(frozen=True)
class Kind:
    """One event type as the product sends it; ``properties`` are constant, ``share`` is its weight in the feature."""

    event_type: str
    properties: tuple[tuple[str, str], ...] = ()
    share: float = 1.0


@dataclass(frozen=True)
class Signal:
    """How use of a feature shows: registry ``rules`` (event_type, property, property_value) and sent ``kinds``."""

    rules: tuple[tuple[str, str, str], ...]
    kinds: tuple[Kind, ...]


def exact(event_type: str) -> Signal:
    """One event type of the feature's own."""
    return Signal(((event_type, "", ""),), (Kind(event_type),))


def flagged(value: str) -> Signal:
    """The shared event ``Feature Used`` with ``feature`` = value."""
    return Signal((("Feature Used", "feature", value),), (Kind("Feature Used", (("feature", value),)),))


def wild(pattern: str, *event_types: str) -> Signal:
    """A wildcard rule that catches several event types."""
    return Signal(((pattern, "", ""),), tuple(Kind(t, (), 1 / (n + 1)) for n, t in enumerate(event_types)))


@dataclass(frozen=True)
class FeatureSet:
    """Features that belong together: one product line, one owner, one team."""

    name: str
    line: str
    owner: str
    team: str


@dataclass(frozen=True)
class Feature:
    """One feature: how popular it is (``weight``), and its adoption curve: ``ceiling`` = share of entitled accounts
    that ever adopt, by size; half of those have adopted ``median_days`` after they became entitled.

    ``churn_ratio`` is the PLANTED factor on an account's monthly churn hazard once it has adopted the feature
    (1 = no effect). ``roles``: relative use by admins, builders and viewers.
    """

    group: FeatureSet
    key: str
    name: str
    signal: Signal
    weight: float
    ceiling: Shares
    median_days: int
    is_core: bool = False
    roles: Shares = _EVERYONE
    churn_ratio: float = 1.0
    launched_at: float | None = None  # fraction of the history; None = before it

    @property
    def line(self) -> str:
        """Product line of the feature's set."""
        return self.group.line

    def ceiling_of(self, size: str) -> float:
        """Share of entitled accounts of this size that ever adopt."""
        return self.ceiling[SIZE_SEGMENTS.index(size)]


_WORK = FeatureSet("Work", "workspace", "Ada Brandt", "work")
_FIND = FeatureSet("Find", "workspace", "Ben Okoye", "find")
_DATA = FeatureSet("Data", "workspace", "Chika Sato", "data")
_ADMIN = FeatureSet("Admin", "workspace", "Dana Weiss", "platform")
_AUTOMATE = FeatureSet("Automate", "automation", "Emil Novak", "automation")
_CONNECT = FeatureSet("Connect", "automation", "Farah Iqbal", "connect")
_ANALYSE = FeatureSet("Analyse", "insights", "Grace Lindqvist", "insights")
_WATCH = FeatureSet("Watch", "insights", "Hugo Petit", "insights")
_ASSIST = FeatureSet("Assist", "assistant", "Ines Duarte", "assistant")

_REPORT = Signal(
    (("Report *", "", ""),),
    (Kind("Report Opened"), Kind("Report Scheduled", (), 0.3), Kind("Report Exported", (), 0.2)),
)
_RULES = Signal(
    (("Automation Created", "", ""), ("Automation Edited", "", ""), ("Workflow ?", "", "")),
    (
        Kind("Automation Created", (), 0.3),
        Kind("Automation Edited"),
        Kind("Workflow A", (), 0.1),
        Kind("Workflow B", (), 0.1),
    ),
)
_CHAT = Signal(
    (("[Assistant] Chat *", "", ""),), (Kind("[Assistant] Chat Opened"), Kind("[Assistant] Chat Answered", (), 0.8))
)
_EXPORT = Signal((("Report Exported", "", ""), ("Export Downloaded", "", "")), (Kind("Export Downloaded"),))
_IMPORT = Signal(
    (("Import Finished", "mode", "bulk"),),
    (Kind("Import Finished", (("mode", "bulk"),)), Kind("Import Finished", (("mode", "manual"),), 0.3)),
)

FEATURES = (
    Feature(_WORK, "projects", "Projects", exact("Project Opened"), 10, (1, 1, 1), 1, is_core=True),
    Feature(
        _WORK,
        "tasks",
        "Tasks",
        wild("Task *", "Task Updated", "Task Created", "Task Completed"),
        14,
        (1, 1, 1),
        1,
        is_core=True,
    ),
    Feature(_WORK, "comments", "Comments", exact("Comment Posted"), 7, (0.95, 0.97, 0.98), 4),
    Feature(_WORK, "mentions", "Mentions", flagged("mentions"), 3, (0.7, 0.8, 0.9), 15),
    Feature(_WORK, "bulk_edit", "Bulk edit", flagged("bulk_edit"), 1.5, (0.25, 0.45, 0.6), 60, roles=_BUILDERS),
    Feature(_FIND, "search", "Search", exact("Search Performed"), 6, (0.95, 0.98, 1), 2, is_core=True),
    Feature(_FIND, "saved_views", "Saved views", flagged("saved_views"), 3, (0.35, 0.55, 0.7), 30),
    Feature(_DATA, "file_import", "Bulk import", _IMPORT, 1, (0.3, 0.5, 0.7), 20, roles=_BUILDERS),
    Feature(_DATA, "export", "Export", _EXPORT, 1, (0.4, 0.6, 0.8), 40),
    Feature(_DATA, "reports", "Reports", _REPORT, 5, (0.5, 0.7, 0.9), 14),
    Feature(_ADMIN, "sso", "Single sign-on", exact("SSO Login"), 2, (0.05, 0.4, 0.95), 20),
    Feature(
        _ADMIN, "permissions", "Permissions", exact("Permission Changed"), 0.6, (0.4, 0.7, 0.95), 25, roles=_ADMINS
    ),
    Feature(_ADMIN, "audit_log", "Audit log", exact("Audit Log Viewed"), 0.4, (0.02, 0.25, 0.8), 60, roles=_ADMINS),
    Feature(_WORK, "mobile_app", "Mobile app", exact("[Mobile] Screen Viewed"), 3, (0.3, 0.35, 0.4), 45),
    Feature(
        _AUTOMATE,
        "automation_rules",
        "Automation rules",
        _RULES,
        4,
        (0.45, 0.6, 0.75),
        25,
        roles=_BUILDERS,
        churn_ratio=0.4,
    ),
    Feature(_AUTOMATE, "automation_runs", "Automation runs", exact("Automation Run"), 8, (1, 1, 1), 2, is_core=True),
    Feature(_AUTOMATE, "templates", "Templates", flagged("templates"), 2, (0.5, 0.5, 0.5), 20, roles=_BUILDERS),
    Feature(
        _CONNECT,
        "integrations",
        "Integrations",
        wild("Integration *", "Integration Synced", "Integration Added"),
        3,
        (0.3, 0.5, 0.8),
        35,
        churn_ratio=0.7,
    ),
    Feature(_CONNECT, "webhooks", "Webhooks", exact("Webhook Delivered"), 2, (0.1, 0.3, 0.6), 50, roles=_BUILDERS),
    Feature(_CONNECT, "api", "API", exact("API Request Sampled"), 2, (0.1, 0.35, 0.75), 45, roles=_BUILDERS),
    Feature(
        _ANALYSE,
        "dashboards",
        "Dashboards",
        exact("Dashboard Viewed"),
        7,
        (0.8, 0.85, 0.95),
        7,
        is_core=True,
        churn_ratio=0.6,
    ),
    Feature(
        _ANALYSE,
        "dashboard_builder",
        "Dashboard builder",
        exact("Dashboard Edited"),
        2,
        (0.3, 0.45, 0.6),
        25,
        roles=_BUILDERS,
    ),
    Feature(_ANALYSE, "forecasts", "Forecasts", flagged("forecasts"), 1.5, (0.1, 0.25, 0.5), 50, launched_at=0.55),
    Feature(_WATCH, "alerts", "Alerts", exact("Alert Opened"), 2.5, (0.3, 0.45, 0.6), 30),
    Feature(_WATCH, "sharing", "Dashboard sharing", flagged("sharing"), 1.5, (0.4, 0.5, 0.6), 20),
    Feature(_ASSIST, "assistant_chat", "Assistant chat", _CHAT, 6, (0.9, 0.9, 0.9), 5, is_core=True, launched_at=0.5),
    Feature(
        _ASSIST,
        "assistant_summary",
        "Summaries",
        exact("[Assistant] Summary Created"),
        4,
        (0.5, 0.6, 0.7),
        12,
        launched_at=0.5,
    ),
    Feature(
        _ASSIST,
        "assistant_agents",
        "Agents",
        flagged("assistant_agents"),
        2,
        (0.15, 0.3, 0.5),
        25,
        roles=_BUILDERS,
        launched_at=0.7,
    ),
    Feature(
        _ASSIST, "voice_commands", "Voice commands", exact("Voice Command Issued"), 0, (0, 0, 0), 1, launched_at=0.9
    ),
)

UNMAPPED = (Kind("Page Viewed"), Kind("Tooltip Dismissed", (), 0.3), Kind("Billing Page Opened", (), 0.1))
SESSION_START, IDENTIFY = Kind("session_start"), Kind("$identify")
KINDS: tuple[Kind, ...] = (*(kind for f in FEATURES for kind in f.signal.kinds), *UNMAPPED, SESSION_START, IDENTIFY)


def kinds_of(feature: Feature) -> list[int]:
    """Positions in :data:`KINDS` of the events that use of this feature sends."""
    return [n for n, kind in enumerate(KINDS) if any(kind is own for own in feature.signal.kinds)]


def features_of(kind: Kind) -> list[int]:
    """Positions in :data:`FEATURES` of every feature that one of the registry's rules gives this event to.

    Written for this catalogue alone (a pattern here ends in one ``*`` or ``?``), so the truth does not rest on the
    matching that the pipeline does.
    """
    return [n for n, f in enumerate(FEATURES) if any(_matches(kind, *rule) for rule in f.signal.rules)]


def _matches(kind: Kind, pattern: str, name: str, value: str) -> bool:
    if name and dict(kind.properties).get(name) != value:
        return False
    if pattern.endswith("*"):
        return kind.event_type.startswith(pattern[:-1])
    if pattern.endswith("?"):
        return len(kind.event_type) == len(pattern) and kind.event_type.startswith(pattern[:-1])
    return kind.event_type == pattern
