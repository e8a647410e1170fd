"""What happens when a run fails by itself at night: somebody is told."""

import shlex
import subprocess

import dagster as dg


def failure_text(job: str, run_id: str, message: str) -> str:
    """What an alert says: which job, which run, why, and that the last release still stands."""
    return (
        f"Product Lens: {job} failed (run {run_id}).\n{message}\nThe last release stays readable; see `lens status`.\n"
    )


def build_failure_sensor(alert_command: str | None) -> dg.SensorDefinition:
    """Hands the failure's text to ``LENS_ALERT_COMMAND`` on standard input (a mail or chat program, say)."""

    @dg.run_failure_sensor(
        name="tell_about_failed_refreshes",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Runs LENS_ALERT_COMMAND with the failure on its standard input.",
    )
    def tell(context: dg.RunFailureSensorContext) -> None:
        text = failure_text(
            context.dagster_run.job_name, context.dagster_run.run_id, context.failure_event.message or ""
        )
        if alert_command is None:
            context.log.warning(text + "Set LENS_ALERT_COMMAND to be told.")
            return
        subprocess.run(shlex.split(alert_command), input=text, text=True, check=True, timeout=60)

    return tell
