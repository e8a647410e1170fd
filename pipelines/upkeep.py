"""Jobs beside the refresh: former releases, hopeless hours, the sandbox company, a company folder."""

from enum import Enum
from pathlib import Path

import dagster as dg
from pydantic import Field

from assets.amplitude.asked import accept, parse_hour
from assets.company.template import write_template
from assets.home import Home
from assets.serving.release import rollback
from pipelines.jobs import ACCEPT, INIT, ROLLBACK, SANDBOX
from pipelines.sandbox.build import build


class Size(Enum):
    """How big the sandbox company is."""

    SMALL = "small"
    DEMO = "demo"
    SCALE = "scale"


class RollbackConfig(dg.Config):
    """Which release readers shall see."""

    to: str | None = Field(default=None, description="A kept release id; empty: the one before the current one.")


class SandboxConfig(dg.Config):
    """Which sandbox company to make."""

    size: Size = Field(default=Size.DEMO, description="small, demo or scale")
    seed: int = Field(default=7, description="The same seed makes the same company.")


class AcceptConfig(dg.Config):
    """Which hour nobody shall wait for any longer, and why."""

    hour: str = Field(description="Upload hour in UTC, e.g. 2026-10-31T05.")
    why: str = Field(description="What makes it hopeless; kept in the ledger and shown by `lens status`.")


class InitConfig(dg.Config):
    """Where the commented company folder goes."""

    folder: str = Field(description="A folder that does not exist yet or is empty.")


def upkeep_jobs(home: Home) -> list[dg.JobDefinition]:
    """The jobs, bound to one LENS_HOME."""

    @dg.op(description="Point serving/current at a former release.")
    def point_at_former_release(context: dg.OpExecutionContext, config: RollbackConfig) -> None:
        release = rollback(home, config.to)
        context.log.info(f"serving/current is release {release.id}")

    @dg.op(description="Let the usage watermark pass an hour that will not be loaded.")
    def accept_hour(context: dg.OpExecutionContext, config: AcceptConfig) -> None:
        state = accept(home, parse_hour(config.hour), config.why)
        context.log.info(f"{config.hour} was {state} and is accepted: {config.why}")

    @dg.op(description="Simulate the sandbox company and write its folder.")
    def build_sandbox(context: dg.OpExecutionContext, config: SandboxConfig) -> None:
        paths = build(home.sandbox / config.size.value, config.size.value, config.seed, via="server")
        context.log.info(f"the sandbox company is in {paths.company}")

    @dg.op(description="Write a commented company folder to fill in.")
    def write_company_folder(context: dg.OpExecutionContext, config: InitConfig) -> None:
        write_template(Path(config.folder))
        context.log.info(f"the company folder is in {config.folder}")

    @dg.job(name=ROLLBACK, executor_def=dg.in_process_executor, description="Return to a former release.")
    def release_rollback() -> None:
        point_at_former_release()

    @dg.job(name=ACCEPT, executor_def=dg.in_process_executor, description="Release an hour that will not be loaded.")
    def ledger_accept() -> None:
        accept_hour()

    @dg.job(name=SANDBOX, executor_def=dg.in_process_executor, description="Make the sandbox company.")
    def sandbox_build() -> None:
        build_sandbox()

    @dg.job(name=INIT, executor_def=dg.in_process_executor, description="Start a company folder.")
    def init_company() -> None:
        write_company_folder()

    return [release_rollback, ledger_accept, sandbox_build, init_company]
