"""A stand-in for Salesforce's REST API, in the shapes that its guide documents.

Queries and their pages: api_rest/dome_query.htm · refusals: api_rest/errorcodes.htm · signing in: help.salesforce.com,
remoteaccess_oauth_client_credentials_flow · field history: object_reference, sforce_api_associated_objects_history.htm
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from support.rest_server import Asked, Reply

CLIENT_ID, CLIENT_SECRET = "3MVG9.NotARealClient", "8A4BE698-not-a-real-secret"


def account(id: str, name: str = "Acme", **more: Any) -> dict[str, Any]:
    """object_reference/sforce_api_objects_account.htm"""
    return {
        "Id": id, "Name": name, "ParentId": None, "BillingCountry": "Germany", "Industry": "Retail",
        "CreatedDate": "2023-01-10T23:30:00.000+0000",
    } | more  # fmt: skip


_numbers = iter(range(1, 10_000))


def change(of: str, name: str, on: str, old: str | None, new: str | None, **more: Any) -> dict[str, Any]:
    """object_reference/sforce_api_objects_accounthistory.htm"""
    return {
        "Id": f"017{next(_numbers):012d}", "AccountId": of, "Field": name, "DataType": "Text", "OldValue": old,
        "NewValue": new, "CreatedDate": f"{on}T12:00:00.000+0000",
    } | more  # fmt: skip


def opportunity(id: str, closed: str, **more: Any) -> dict[str, Any]:
    """object_reference/sforce_api_objects_opportunity.htm"""
    return {"Id": id, "CloseDate": closed, "IsWon": True} | more


@dataclass
class FakeSalesforce:
    """Records by object. ``faults`` are answers to queries before anything else; ``lasts``: queries a session is good
    for; ``page``: records a page."""

    Account: list[dict[str, Any]] = field(default_factory=lambda: [account("001A")])
    AccountHistory: list[dict[str, Any]] = field(default_factory=list)
    Opportunity: list[dict[str, Any]] = field(default_factory=list)
    page: int = 2000
    lasts: int = 1_000_000
    faults: list[Reply] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    sessions: int = 0
    left: int = 0
    queries: dict[str, tuple[str, list[str]]] = field(default_factory=dict)

    def reply(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        if asked.path == "/services/oauth2/token":
            return self._sign_in(asked)
        if asked.headers.get("Authorization") != f"Bearer session-{self.sessions}" or self.left <= 0:
            return 401, {}, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
        self.left -= 1
        if self.faults:
            return self.faults.pop(0)
        if asked.one("q"):
            return self._query(asked.one("q"))
        locator, _, offset = asked.path.rpartition("/")[2].rpartition("-")
        return self._page(locator, int(offset))

    def _sign_in(self, asked: Asked) -> Reply:
        given = {name: values[0] for name, values in asked.form.items()}
        if given != {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}:
            return 400, {}, {"error": "invalid_client", "error_description": "invalid client credentials"}
        self.sessions, self.left = self.sessions + 1, self.lasts
        return 200, {}, {
            "access_token": f"session-{self.sessions}", "instance_url": "https://acme.my.salesforce.com",
            "token_type": "Bearer", "issued_at": "1719748800000",
        }  # fmt: skip

    def _query(self, soql: str) -> Reply:
        found = re.fullmatch(r"SELECT (.+?) FROM (\w+)(?: WHERE (.+?))? ORDER BY Id", soql)
        assert found is not None, soql
        fields, name = found[1].split(", "), found[2]
        for wanted in fields:
            if any(wanted not in record for record in getattr(self, name)):
                place = f"\nSELECT {found[1]} FROM {name}\n ^\nERROR at Row:1:Column:8"
                message = f"{place}\nNo such column '{wanted}' on entity '{name}'."
                return 400, {}, [{"message": message, "errorCode": "INVALID_FIELD"}]
        locator = f"01gRO{len(self.queries):09d}"
        self.queries[locator] = (name, fields)
        return self._page(locator, 0)

    def _page(self, locator: str, begin: int) -> Reply:
        name, fields = self.queries[locator]
        records = getattr(self, name)
        end = begin + self.page
        kind = {"type": name, "url": "/services/data/v61.0/sobjects"}
        answer: dict[str, Any] = {"totalSize": len(records), "done": end >= len(records)}
        if end < len(records):
            answer["nextRecordsUrl"] = f"/services/data/v61.0/query/{locator}-{end}"
        answer["records"] = [{"attributes": kind} | {f: r[f] for f in fields} for r in records[begin:end]]
        return 200, {}, answer


def used_up() -> Reply:
    """api_rest/errorcodes.htm"""
    return 403, {}, [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]
