"""``salesforce``: SOQL queries over Salesforce's REST API, and what of the answer is kept.

Signed in by OAuth client credentials (a new session whenever the old one has expired) or by a session token.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from assets.company.finance_sources import SalesforceSource, SignedDates
from assets.errors import InputError
from assets.finance.connectors.extra import needs_extra
from assets.finance.connectors.http import Api, Patience, prepare
from assets.finance.connectors.loads import Writer
from assets.finance.connectors.shapes import Shape
from assets.home import Home

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

API = "v61.0"
TABLES = ("accounts", "account_segments")
KEYS = ("SALESFORCE_CLIENT_ID", "SALESFORCE_CLIENT_SECRET", "SALESFORCE_SESSION_TOKEN")
_DOCS = "https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/dome_query.htm"
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_BASE_FIELDS = ("Id", "Name", "ParentId", "BillingCountry", "CreatedDate")


@dataclass(frozen=True)
class Query:
    """One object to ask for: SOQL and the shape of its records."""

    name: str
    soql: str
    shape: Shape


def queries(sources: Mapping[str, SalesforceSource], signed: SignedDates | None) -> list[Query]:
    """What must be asked for these tables and, where configured, the dates of won opportunities."""
    found = []
    if sources:
        extra = {field: "text?" for source in sources.values() for field in source.dimensions.values()}
        extra |= {source.account_id: "text?" for source in sources.values() if source.account_id != "Id"}
        extra |= {s.is_internal_test: "boolean?" for s in sources.values() if s.is_internal_test}
        extra = {field: kind for field, kind in extra.items() if field not in _BASE_FIELDS}
        found.append(_accounts(extra))
    fields = sorted({f for name, s in sources.items() if name == "account_segments" for f in s.dimensions.values()})
    if fields:
        found.append(_history(fields))
    if signed is not None:
        found.append(_opportunities(signed.field))
    return found


def _accounts(extra: Mapping[str, str]) -> Query:
    fields = {"Id": "text", "Name": "text", "ParentId": "text?", "BillingCountry": "text?", "CreatedDate": "text"}
    fields |= extra
    soql = f"SELECT {', '.join(fields)} FROM Account ORDER BY Id"
    return Query("accounts", soql, Shape("Salesforce", "Account", fields, _DOCS))


def _history(tracked: list[str]) -> Query:
    fields = {
        "Id": "text",
        "AccountId": "text",
        "Field": "text",
        "DataType": "text?",
        "OldValue": "text?",
        "NewValue": "text?",
        "CreatedDate": "text",
    }
    names = ", ".join(f"'{name}'" for name in tracked)
    soql = f"SELECT {', '.join(fields)} FROM AccountHistory WHERE Field IN ({names}) ORDER BY Id"
    return Query("account_history", soql, Shape("Salesforce", "AccountHistory", fields, _DOCS))


def _opportunities(field: str) -> Query:
    fields = {"Id": "text", "CloseDate": "text"} | ({field: "text?"} if field != "Id" else {})
    soql = f"SELECT {', '.join(fields)} FROM Opportunity WHERE IsWon = true AND {field} != null ORDER BY Id"
    return Query("opportunities", soql, Shape("Salesforce", "Opportunity", fields, _DOCS))


def extract(
    writer: Writer,
    home: Home,
    sources: Mapping[str, SalesforceSource],
    signed: SignedDates | None,
    instance: str,
    secrets: Mapping[str, SecretStr],
    patience: Patience | None = None,
) -> None:
    """Land the answer of every query. Raises InputError for what Salesforce refuses or has changed."""
    session = _Session(home, instance, secrets, patience)
    for query in queries(sources, signed):
        writer.put_answers(query.name, ((r["Id"], json.dumps(r, sort_keys=True)) for r in session.records(query)))


class _Session:
    """Signed in to one instance. A session that has expired is renewed once for each time it worked before."""

    def __init__(self, home: Home, instance: str, secrets: Mapping[str, SecretStr], patience: Patience | None) -> None:
        prepare(home)
        with needs_extra("salesforce"):
            import dlt.sources.helpers.requests  # noqa: F401, PLC0415  # told before anything is asked
        self._instance, self._secrets = _checked(instance), secrets
        self._home, self._patience = home, patience
        token = secrets.get("SALESFORCE_SESSION_TOKEN")
        self._token = token.get_secret_value() if token else self._sign_in()
        self._may_renew = True
        self._api = Api(
            home, "Salesforce", self._instance, self._authorize, _explain, renew=self._renew, patience=patience
        )

    def _authorize(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _sign_in(self) -> str:
        """A session by OAuth client credentials (help.salesforce.com, remoteaccess_oauth_client_credentials_flow)."""
        api = Api(
            self._home, "Salesforce", self._instance, lambda request: request, _explain_sign_in, patience=self._patience
        )
        answer = api.post(
            "/services/oauth2/token",
            {
                "grant_type": "client_credentials",
                "client_id": self._secrets["SALESFORCE_CLIENT_ID"].get_secret_value(),
                "client_secret": self._secrets["SALESFORCE_CLIENT_SECRET"].get_secret_value(),
            },
        )
        token = answer.get("access_token")
        if not isinstance(token, str):
            raise InputError(
                "Salesforce signs in without a token",
                where="Salesforce, /services/oauth2/token",
                mend="check that SALESFORCE_INSTANCE_URL is your My Domain URL (https://….my.salesforce.com)",
            )
        return token

    def _renew(self, response: Response) -> bool:
        """After a 401: whether a new session is there to try again with."""
        expired = any(code == "INVALID_SESSION_ID" for code, _ in _errors(_json(response)))
        if not expired or not self._may_renew or "SALESFORCE_CLIENT_SECRET" not in self._secrets:
            return False
        self._may_renew, self._token = False, self._sign_in()
        return True

    def records(self, query: Query) -> Iterator[dict[str, Any]]:
        """Every record of a query, page by page."""
        from dlt.sources.helpers.rest_client.paginators import JSONLinkPaginator  # noqa: PLC0415

        pages = self._api.pages(
            f"/services/data/{API}/query", {"q": query.soql}, JSONLinkPaginator("nextRecordsUrl"), "records"
        )
        for page in pages:
            self._may_renew = True
            for record in page:
                yield query.shape.cut(record)


def _checked(instance: str) -> str:
    parts = urlsplit(instance if "://" in instance else f"https://{instance}")
    if not parts.hostname or (parts.scheme != "https" and parts.hostname not in _LOOPBACK) or parts.username:
        raise InputError(
            "the value is no https address of a Salesforce instance",
            where="key SALESFORCE_INSTANCE_URL of .env",
            mend="write your My Domain URL there: https://YourDomain.my.salesforce.com",
        )
    return f"{parts.scheme}://{parts.netloc}"


def _json(response: Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _errors(body: Any) -> list[tuple[str, str]]:
    """(errorCode, message) of Salesforce's list of errors."""
    found = body if isinstance(body, list) else []
    return [(str(e.get("errorCode", "")), str(e.get("message", ""))) for e in found if isinstance(e, dict)]


def _explain(status: int, body: Any) -> tuple[str, str] | None:
    """What Salesforce's refusals mean (Status Codes and Error Responses of the REST API guide)."""
    for code, message in _errors(body):
        if code == "INVALID_SESSION_ID":
            return "the Salesforce session has expired or is not valid", (
                "write a new SALESFORCE_SESSION_TOKEN into .env, or better SALESFORCE_CLIENT_ID and "
                "SALESFORCE_CLIENT_SECRET, with which a new session is signed in by itself"
            )
        if code == "REQUEST_LIMIT_EXCEEDED":
            return "Salesforce's limit of API requests in 24 hours is used up", (
                "refresh again when requests are free (Setup > Company Information > API Requests); nothing was landed"
            )
        if code in ("INVALID_FIELD", "INVALID_TYPE"):
            # Salesforce quotes the query and names object and field; there is no value of a record in it.
            told = next((line for line in message.splitlines() if "column" in line or "sObject" in line), message)
            return f"Salesforce does not know a field or object that is asked for: {told.strip()[:200]}", (
                "was it renamed, or may the user not see it? correct finance.sources or finance.signed_dates in "
                "company.yaml, or grant the user read access to the field"
            )
        if code:
            return f"Salesforce refuses the query ({code})", "check what the integration user may read"
    return None


def _explain_sign_in(status: int, body: Any) -> tuple[str, str] | None:
    if status in (400, 401, 403):
        error = body.get("error") if isinstance(body, dict) else None
        return f"Salesforce does not let the client sign in ({error or status})", (
            "check SALESFORCE_CLIENT_ID and SALESFORCE_CLIENT_SECRET in .env, and that the app allows the client "
            "credentials flow and has a user to run as"
        )
    return None


def check_tables(sources: Mapping[str, SalesforceSource]) -> None:
    """Raise InputError for a table that Salesforce is not mapped to, and for segments without dimensions."""
    for table, source in sources.items():
        if table not in TABLES:
            raise InputError(
                f"Salesforce is not mapped to the table {table}",
                where=f"company.yaml, key finance.sources.{table}",
                mend=f"it can be the source of: {', '.join(TABLES)}, and of signed dates (finance.signed_dates)",
            )
        if table == "account_segments" and not source.dimensions:
            raise InputError(
                "it is not said which fields of Account are segments",
                where="company.yaml, key finance.sources.account_segments.dimensions",
                mend="name them: dimensions: {size: Segment__c, industry: Industry}",
            )


def needed_keys(found: Iterable[str]) -> tuple[str, ...]:
    """The keys of .env that must be there besides the instance, given those that are."""
    return () if "SALESFORCE_SESSION_TOKEN" in set(found) else KEYS[:2]
