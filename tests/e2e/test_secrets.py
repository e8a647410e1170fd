"""Credentials are nowhere in LENS_HOME after a refresh: not in logs, Dagster's storage, dbt's target or the release."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.amplitude.access import HOSTS
from pipelines.sandbox.build import build
from pipelines.sandbox.feed import SandboxClock, running_server
from pipelines.sandbox.present import sandbox_now
from pipelines.sandbox.server.serve import keys_file
from support.fake_export import KEY, SECRET
from support.line import manifest, refresh
from support.traces import places

pytestmark = pytest.mark.timeout(900)


def _found(home: Path) -> list[str]:
    return [place for text in (KEY, SECRET, f"{KEY}:{SECRET}") for place in places(home, text)]


@pytest.mark.slow
def test_credentials_leave_no_trace_in_a_refresh_that_works_and_in_one_that_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, home = build(tmp_path / "sandbox", "small", via="server"), tmp_path / "home"
    own_keys = next(paths.root.rglob(keys_file(Path()).name))
    own_keys.write_text(f"AMPLITUDE_API_KEY={KEY}\nAMPLITUDE_SECRET_KEY={SECRET}\n", encoding="utf-8")
    outcome = refresh(home, paths.company)
    assert outcome.code == 0, outcome.message
    assert (home / "dbt").exists() or list(home.rglob("manifest.json")), "dbt's own files are below the home"
    assert manifest(home).tables["extraction_hours"].rows > 0
    assert _found(home) == []

    # the same credentials as another company's, at a server that does not know them
    own_keys.write_text("AMPLITUDE_API_KEY=another\nAMPLITUDE_SECRET_KEY=one\n", encoding="utf-8")
    settings = paths.company / "company.yaml"
    text = settings.read_text(encoding="utf-8")
    assert "source: sandbox" in text
    settings.write_text(text.replace("source: sandbox", "source: amplitude_api"), encoding="utf-8")
    (paths.company / ".env").write_text(f"AMPLITUDE_API_KEY={KEY}\nAMPLITUDE_SECRET_KEY={SECRET}\n", encoding="utf-8")
    for name in ("AMPLITUDE_API_KEY", "AMPLITUDE_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    with running_server(paths.root, SandboxClock(sandbox_now(paths.root))) as (server, _, _):
        monkeypatch.setitem(HOSTS, "us", server.url)
        refused = refresh(tmp_path / "other", paths.company)
    assert refused.code != 0
    assert "wrong key" in refused.message or "403" in refused.message or "401" in refused.message
    assert KEY not in refused.message and SECRET not in refused.message
    assert _found(tmp_path / "other") == []
