"""Published files open read-only in old and new DuckDB clients while the build warehouse is being written.

Makes a small environment per client version with uv, from the package index: not part of the offline tests.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assets.home import Home
from assets.serving import database
from assets.serving.manifest import Release
from assets.serving.release import publish
from assets.warehouse import write
from support.release_home import DOCS, GOOD, MARTS, meta, publish_step

CLIENTS = ["1.1.3", "1.4.0", "1.5.0", "2.0.0"]

READER = """
import json, sys, duckdb
folder = sys.argv[1]
con = duckdb.connect(folder + "/product_lens.duckdb", read_only=True)
tables = [name for (name,) in con.execute(
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'marts' ORDER BY 1").fetchall()]
found = {}
for name in tables:
    rows = con.execute(f"SELECT * FROM marts.{name}").fetchall()
    types = dict(con.execute(
        f"SELECT column_name, data_type FROM information_schema.columns WHERE table_name = '{name}'").fetchall())
    parquet = con.execute(f"SELECT count(*) FROM read_parquet('{folder}/{name}.parquet')").fetchall()[0][0]
    found[name] = {"rows": len(rows), "types": types, "parquet": parquet}
arr = con.execute("SELECT CAST(sum(arr) AS VARCHAR) FROM marts.fct_arr_month").fetchall()[0][0]
comment = con.execute("SELECT comment FROM duckdb_columns() WHERE table_name = 'fct_arr_month' AND column_name = 'arr'")
print(json.dumps({"version": duckdb.__version__, "tables": found, "arr": arr, "comment": comment.fetchall()[0][0]}))
"""

WRITER = """
import sys, duckdb
con = duckdb.connect(sys.argv[1])
con.execute("BEGIN")
con.execute("INSERT INTO marts.fct_arr_month SELECT * FROM marts.fct_arr_month")
print("writing", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """The second of two releases: one table of it was replaced date by date. A writer holds the build warehouse."""
    home = Home(tmp_path_factory.mktemp("compat"))
    small, database.SMALL_ROWS = database.SMALL_ROWS, 0
    try:
        publish_step(home, 0)
        with write(home.warehouse) as con:
            con.execute("UPDATE marts.fct_arr_month SET arr = arr + 1 WHERE month_start = '2025-01-01'")
        published = publish(home, MARTS, GOOD, meta(1), DOCS)
    finally:
        database.SMALL_ROWS = small
    command = [sys.executable, "-c", WRITER, str(home.warehouse)]
    writer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert writer.stdout is not None and writer.stdout.readline() == b"writing\n"
    yield published
    writer.communicate(timeout=30)


@pytest.mark.compat
@pytest.mark.parametrize("client", CLIENTS)
def test_the_release_opens_in_this_client(release: Release, tmp_path: Path, client: str) -> None:
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    assert uv, "uv is needed to make environments with other DuckDB versions"
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, tmp_path / "venv"], check=True)
    subprocess.run([uv, "pip", "install", "-q", "--python", python, f"duckdb=={client}"], check=True)
    done = subprocess.run([python, "-c", READER, release.path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["version"] == client
    for name, table in release.manifest.tables.items():
        assert seen["tables"][name]["rows"] == seen["tables"][name]["parquet"] == table.rows
        assert seen["tables"][name]["types"] == {column["name"]: column["type"] for column in table.columns}
    assert seen["arr"] == "2197.00"
    assert seen["comment"] == "Annual recurring revenue"
