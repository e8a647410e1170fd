"""Publishing as a Dagster asset: only groups whose blocking checks passed go out."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg

from assets import keys
from assets.company.fingerprint import noted_inputs
from assets.home import Home
from assets.serving.blocking import CheckVerdict
from assets.serving.docs import table_docs
from assets.serving.manifest import Release, ReleaseMeta
from assets.serving.release import NothingPublishable, publish
from assets.warehouse import read

CONTRACT_VERSION = "1.0"


def build_release_asset(
    home: Home,
    manifest: Path,
    marts: Mapping[str, Sequence[str]],
    verdicts_of: Callable[[Home], Sequence[CheckVerdict]],
    refresh_fingerprint: Callable[[Mapping[str, str], date | None], str],
    has_traces: Callable[[Home], bool],
    after_release: Callable[[Home, Release], None],
) -> dg.AssetsDefinition:
    """``serving/release``: what BI tools read. ``verdicts_of`` reads what the checks of this refresh found.

    ``has_traces``: whether former rows must not lie on, not even in a file's empty space. ``after_release`` does what
    has to follow; it may remove the warehouse: nothing of the run reads it after this."""

    @dg.asset(
        key=keys.RELEASE,
        deps=[keys.CHECK_RESULTS],
        group_name=keys.GROUP_SERVING,
        owners=[keys.TEAM_DATA],
        kinds={"duckdb", "parquet"},
        pool=keys.POOL_WAREHOUSE,
        description="The published marts: one DuckDB file, Parquet and a manifest, swapped in whole after the checks.",
        required_resource_keys={"refresh_lock"},
    )
    def release(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        meta = _meta(home, context.run.run_id, refresh_fingerprint, has_traces(home))
        docs = table_docs(json.loads(manifest.read_text(encoding="utf-8")))
        try:
            published = publish(home, marts, verdicts_of(home), meta, docs)
        except NothingPublishable as refusal:
            raise dg.Failure(description=str(refusal), allow_retries=False) from refusal
        after_release(home, published)
        context.add_output_metadata(_metadata(published))
        if published.manifest.held_back:
            raise dg.Failure(description=_held_back_text(published), metadata=_metadata(published), allow_retries=False)
        return dg.MaterializeResult()

    return release


def _meta(
    home: Home, run_id: str, refresh_fingerprint: Callable[[Mapping[str, str], date | None], str], anew: bool
) -> ReleaseMeta:
    with read(home.warehouse) as con:
        inputs = noted_inputs(con)
        name, until = con.execute("SELECT c.name, r.until FROM raw.company c, raw.refresh r").fetchall()[0]
        money, usage, joint = con.execute(
            "SELECT f.as_of, w.usage_watermark, w.joint_watermark"
            " FROM raw.finance_state f, intermediate.int_usage__watermarks w"
        ).fetchall()[0]
    return ReleaseMeta(
        as_of={"money": money, "usage": usage, "joint": joint},
        run_id=run_id,
        fingerprint=refresh_fingerprint(inputs, until),
        contract_version=CONTRACT_VERSION,
        company=name,
        created_at=datetime.now(UTC),
        anew=anew,
    )


def _metadata(release: Release) -> dict[str, dg.MetadataValue]:
    manifest = release.manifest
    return {
        "release": dg.MetadataValue.text(release.id),
        "as_of": dg.MetadataValue.json(manifest.as_of),
        "tables": dg.MetadataValue.int(len(manifest.tables)),
        "dagster/row_count": dg.MetadataValue.int(sum(table.rows for table in manifest.tables.values())),
        "held_back": dg.MetadataValue.json(sorted(manifest.held_back)),
        "path": dg.MetadataValue.path(str(release.path)),
    }


def _held_back_text(release: Release) -> str:
    lines = [f"release {release.id} went out without what its checks do not vouch for:"]
    for group, held in release.manifest.held_back.items():
        stays = f"its tables stay at release {held.from_release}" if held.from_release else "it was never released"
        reasons = "; ".join(f"{reason['check']}: {reason['message']}" for reason in held.reasons)
        lines.append(f"  {group} is held back ({stays}): {reasons}")
    return "\n".join(lines)
