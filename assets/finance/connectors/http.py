"""REST sources through dlt's client: pages, retries, waiting as long as the host asks; errors in plain words.

dlt is imported here and nowhere else, and only once a REST source is configured. Only its HTTP client is used: its
pipelines would add columns of their own and keep state of their own, and the lake has both already.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from assets.errors import InputError
from assets.finance.connectors.extra import needs_extra
from assets.home import Home

if TYPE_CHECKING:
    from dlt.sources.helpers.rest_client import RESTClient
    from dlt.sources.helpers.rest_client.paginators import BasePaginator
    from requests import PreparedRequest, Response

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
# What a refused request means, by status and decoded body: (what, mend), or None when nothing is known about it.
Explain = Callable[[int, Any], tuple[str, str] | None]
Authorize = Callable[["PreparedRequest"], "PreparedRequest"]


@dataclass(frozen=True)
class Patience:
    """How often a request is tried, and how long it may take (seconds). A 429 waits as the host asks, at most
    ``longest_wait``."""

    attempts: int = 6
    first_wait: float = 1
    longest_wait: float = 120
    seconds: float = 90


def prepare(home: Home) -> None:
    """Keep dlt quiet and inside LENS_HOME; must come before its first import."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ.setdefault("DLT_DATA_DIR", str(home.root / "dlt"))


class Api:
    """One REST source. Holds no secret in its repr; ``source`` names it in errors."""

    def __init__(
        self,
        home: Home,
        source: str,
        base_url: str,
        auth: Authorize,
        explain: Explain,
        headers: dict[str, str] | None = None,
        renew: Callable[[Response], bool] | None = None,
        patience: Patience | None = None,
    ) -> None:
        prepare(home)
        self.source, self._explain, self._auth, self._renew = source, explain, auth, renew
        self._host = urlsplit(base_url).hostname or ""
        self._client = self._new_client(base_url, headers or {}, patience or Patience())

    def __repr__(self) -> str:
        return f"Api({self.source}, {self._host})"

    def _new_client(self, base_url: str, headers: dict[str, str], patience: Patience) -> RESTClient:
        with needs_extra(self.source):
            from dlt.common.configuration.specs import RuntimeConfiguration  # noqa: PLC0415
            from dlt.sources.helpers.requests import Client  # noqa: PLC0415
            from dlt.sources.helpers.rest_client import RESTClient  # noqa: PLC0415
        session = Client(
            request_timeout=patience.seconds,
            raise_for_status=False,
            request_max_attempts=patience.attempts,
            request_backoff_factor=patience.first_wait,
            request_max_retry_delay=patience.longest_wait,
            session_attrs={"trust_env": self._host not in _LOOPBACK},
        ).session
        # A configuration of our own: dlt would look for one in the current folder.
        return RESTClient(
            base_url,
            headers={"User-Agent": "product-lens"} | headers,
            auth=self._auth,  # type: ignore[arg-type]  # requests takes any callable
            session=session,
            config=RuntimeConfiguration(),
        )

    def pages(self, path: str, params: dict[str, Any], paginator: BasePaginator, rows: str) -> Iterator[list[Any]]:
        """Every page of a list; ``rows`` is the key that holds its objects. Raises InputError when it is refused."""
        with self._explained(path):
            for page in self._client.paginate(
                path,
                params=params,
                paginator=paginator,
                data_selector="$",
                hooks={"response": [self._judge]},  # type: ignore[list-item]
            ):
                answer = page[0] if page else None
                if not isinstance(answer, dict) or not isinstance(answer.get(rows), list):
                    raise InputError(
                        f"the answer of {self.source} has changed: no list {rows} in {path}",
                        where=f"{self.source}, {path}",
                        mend="the connector needs a review before this is read; nothing was landed",
                    )
                yield answer[rows]

    def post(self, path: str, data: dict[str, str]) -> dict[str, Any]:
        """The answer to a form, without the client's own credentials."""
        with self._explained(path):
            answer = self._client.post(path, data=data, auth=_no_auth, hooks={"response": [self._judge]}).json()
            return answer if isinstance(answer, dict) else {}

    def _judge(self, response: Response, *_: object, **how: Any) -> Response:
        """A hook of requests. What it raises is what dlt's client retries on (429 and 5xx)."""
        from requests import HTTPError  # noqa: PLC0415

        if response.status_code == 401 and self._renew is not None and self._renew(response):
            response.content  # noqa: B018  # read to its end, so that the connection can be used again
            # In place: should the host be busy now, this request is the one that is tried again.
            self._auth(response.request)
            again: Response = response.connection.send(response.request, **how)
            response = again
        if response.status_code >= 300:
            raise HTTPError(f"status {response.status_code}", response=response)
        return response

    def _explained(self, path: str) -> _Explained:
        return _Explained(self, path)

    def refusal(self, path: str, response: Response) -> InputError:
        """What a refused request means, in words that name no secret."""
        try:
            body = response.json()
        except ValueError:
            body = None
        found = self._explain(response.status_code, body)
        where = f"{self.source}, {path}"
        if found is not None:
            return InputError(found[0], where=where, mend=found[1])
        if response.status_code == 429 or response.status_code >= 500:
            what = "asks for fewer requests" if response.status_code == 429 else "has trouble"
            return InputError(
                f"{self.source} {what} (status {response.status_code}), after several tries",
                where=where,
                mend="refresh again later; nothing was landed and the last release stays",
            )
        return InputError(
            f"{self.source} refuses the request (status {response.status_code})",
            where=where,
            mend="check the credentials and what they are allowed to read",
        )


class _Explained:
    """Turns what requests raises into InputError; never chained, because its texts may hold the URL."""

    def __init__(self, api: Api, path: str) -> None:
        self._api, self._path = api, path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is None or isinstance(error, InputError):
            return
        from requests import HTTPError, JSONDecodeError, RequestException  # noqa: PLC0415

        if isinstance(error, HTTPError) and error.response is not None:
            raise self._api.refusal(self._path, error.response) from None
        if isinstance(error, JSONDecodeError):
            raise InputError(
                f"{self._api.source} did not answer in JSON",
                where=f"{self._api.source}, {self._path}",
                mend="something between here and there answers instead (a proxy, a login page?)",
            ) from None
        if isinstance(error, RequestException):
            raise InputError(
                f"{self._api.source} cannot be reached ({type(error).__name__})",
                where=f"{self._api.source}, {self._path}",
                mend="check the network, proxies (HTTPS_PROXY) and the address in .env; then refresh again",
            ) from None
        if isinstance(error, ValueError):  # of dlt's paginators, whose texts hold the whole answer
            raise InputError(
                f"the answer of {self._api.source} has changed: it does not say whether there is another page",
                where=f"{self._api.source}, {self._path}",
                mend="the connector needs a review before this is read; nothing was landed",
            ) from None


def _no_auth(request: Any) -> Any:
    return request
