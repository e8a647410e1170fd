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
class Feature:
    """One feature: how popular it is (``weight``), and its adoption curve: ``ceiling`` = share of entitled accounts
    that ever adopt, by size; half of those have adopted ``median_days`` after they became entitled.

    ``churn_ratio`` is the PLANTED factor on an account's monthly churn hazard once it has adopted the feature
    (1 = no effect). ``roles``: relative use by admins, builders and viewers.
    """

    key: str
    name: str
    feature_set: str
    line: str
    signal: Signal
    weight: float
    ceiling: Shares
    median_days: int
    owner: str
    team: str
    is_core: bool = False
    roles: Shares = _EVERYONE
    churn_ratio: float = 1.0
    launched_at: float | None = None  # fraction of the history; None = before it

    def ceiling_of(self, size: str) -> float:
        """Share of entitled accounts of this size that ever adopt."""
        return self.ceiling[SIZE_SEGMENTS.index(size)]


_REPORT = Signal((("Report *", "", ""),),
                 (Kind("Report Opened"), Kind("Report Scheduled", (), 0.3), Kind("Report Exported", (), 0.2)))
_RULES = Signal((("Automation Created", "", ""), ("Automation Edited", "", ""), ("Workflow ?", "", "")),
                (Kind("Automation Created", (), 0.3), Kind("Automation Edited"), Kind("Workflow A", (), 0.1),
                 Kind("Workflow B", (), 0.1)))
_CHAT = Signal((("[Assistant] Chat *", "", ""),),
               (Kind("[Assistant] Chat Opened"), Kind("[Assistant] Chat Answered", (), 0.8)))
_EXPORT = Signal((("Report Exported", "", ""), ("Export Downloaded", "", "")), (Kind("Export Downloaded"),))
_IMPORT = Signal((("Import Finished", "mode", "bulk"),), (Kind("Import Finished", (("mode", "bulk"),)),
                                                          Kind("Import Finished", (("mode", "manual"),), 0.3)))

FEATURES = (
    Feature("projects", "Projects", "Work", "workspace", exact("Project Opened"), 10, (1, 1, 1), 1,
            "Ada Brandt", "work", is_core=True),
    Feature("tasks", "Tasks", "Work", "workspace", wild("Task *", "Task Updated", "Task Created", "Task Completed"),
            14, (1, 1, 1), 1, "Ada Brandt", "work", is_core=True),
    Feature("comments", "Comments", "Work", "workspace", exact("Comment Posted"), 7, (0.95, 0.97, 0.98), 4,
            "Ada Brandt", "work"),
    Feature("mentions", "Mentions", "Work", "workspace", flagged("mentions"), 3, (0.7, 0.8, 0.9), 15,
            "Ada Brandt", "work"),
    Feature("bulk_edit", "Bulk edit", "Work", "workspace", flagged("bulk_edit"), 1.5, (0.25, 0.45, 0.6), 60,
            "Ada Brandt", "work", roles=_BUILDERS),
    Feature("search", "Search", "Find", "workspace", exact("Search Performed"), 6, (0.95, 0.98, 1), 2,
            "Ben Okoye", "find", is_core=True),
    Feature("saved_views", "Saved views", "Find", "workspace", flagged("saved_views"), 3, (0.35, 0.55, 0.7), 30,
            "Ben Okoye", "find"),
    Feature("file_import", "Bulk import", "Data", "workspace", _IMPORT, 1, (0.3, 0.5, 0.7), 20,
            "Chika Sato", "data", roles=_BUILDERS),
    Feature("export", "Export", "Data", "workspace", _EXPORT, 1, (0.4, 0.6, 0.8), 40, "Chika Sato", "data"),
    Feature("reports", "Reports", "Data", "workspace", _REPORT, 5, (0.5, 0.7, 0.9), 14, "Chika Sato", "data"),
    Feature("sso", "Single sign-on", "Admin", "workspace", exact("SSO Login"), 2, (0.05, 0.4, 0.95), 20,
            "Dana Weiss", "platform"),
    Feature("permissions", "Permissions", "Admin", "workspace", exact("Permission Changed"), 0.6, (0.4, 0.7, 0.95),
            25, "Dana Weiss", "platform", roles=_ADMINS),
    Feature("audit_log", "Audit log", "Admin", "workspace", exact("Audit Log Viewed"), 0.4, (0.02, 0.25, 0.8), 60,
            "Dana Weiss", "platform", roles=_ADMINS),
    Feature("mobile_app", "Mobile app", "Work", "workspace", exact("[Mobile] Screen Viewed"), 3, (0.3, 0.35, 0.4),
            45, "Ada Brandt", "work"),
    Feature("automation_rules", "Automation rules", "Automate", "automation", _RULES, 4, (0.45, 0.6, 0.75), 25,
            "Emil Novak", "automation", roles=_BUILDERS, churn_ratio=0.4),
    Feature("automation_runs", "Automation runs", "Automate", "automation", exact("Automation Run"), 8, (1, 1, 1), 2,
            "Emil Novak", "automation", is_core=True),
    Feature("templates", "Templates", "Automate", "automation", flagged("templates"), 2, (0.5, 0.5, 0.5), 20,
            "Emil Novak", "automation", roles=_BUILDERS),
    Feature("integrations", "Integrations", "Connect", "automation", wild("Integration *", "Integration Synced",
            "Integration Added"), 3, (0.3, 0.5, 0.8), 35, "Farah Iqbal", "connect", churn_ratio=0.7),
    Feature("webhooks", "Webhooks", "Connect", "automation", exact("Webhook Delivered"), 2, (0.1, 0.3, 0.6), 50,
            "Farah Iqbal", "connect", roles=_BUILDERS),
    Feature("api", "API", "Connect", "automation", exact("API Request Sampled"), 2, (0.1, 0.35, 0.75), 45,
            "Farah Iqbal", "connect", roles=_BUILDERS),
    Feature("dashboards", "Dashboards", "Analyse", "insights", exact("Dashboard Viewed"), 7, (0.8, 0.85, 0.95), 7,
            "Grace Lindqvist", "insights", is_core=True, churn_ratio=0.6),
    Feature("dashboard_builder", "Dashboard builder", "Analyse", "insights", exact("Dashboard Edited"), 2,
            (0.3, 0.45, 0.6), 25, "Grace Lindqvist", "insights", roles=_BUILDERS),
    Feature("forecasts", "Forecasts", "Analyse", "insights", flagged("forecasts"), 1.5, (0.1, 0.25, 0.5), 50,
            "Grace Lindqvist", "insights", launched_at=0.55),
    Feature("alerts", "Alerts", "Watch", "insights", exact("Alert Opened"), 2.5, (0.3, 0.45, 0.6), 30,
            "Hugo Petit", "insights"),
    Feature("sharing", "Dashboard sharing", "Watch", "insights", flagged("sharing"), 1.5, (0.4, 0.5, 0.6), 20,
            "Hugo Petit", "insights"),
    Feature("assistant_chat", "Assistant chat", "Assist", "assistant", _CHAT, 6, (0.9, 0.9, 0.9), 5,
            "Ines Duarte", "assistant", is_core=True, launched_at=0.5),
    Feature("assistant_summary", "Summaries", "Assist", "assistant", exact("[Assistant] Summary Created"), 4,
            (0.5, 0.6, 0.7), 12, "Ines Duarte", "assistant", launched_at=0.5),
    Feature("assistant_agents", "Agents", "Assist", "assistant", flagged("assistant_agents"), 2, (0.15, 0.3, 0.5), 25,
            "Ines Duarte", "assistant", roles=_BUILDERS, launched_at=0.7),
    Feature("voice_commands", "Voice commands", "Assist", "assistant", exact("Voice Command Issued"), 0, (0, 0, 0), 1,
            "Ines Duarte", "assistant", launched_at=0.9),
)
KEYS = tuple(feature.key for feature in FEATURES)

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
