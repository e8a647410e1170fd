"""A local server that speaks Amplitude's protocols: ingestion, Export API, chart annotations, and scripted faults."""

from pipelines.sandbox.server.faults import Fault
from pipelines.sandbox.server.server import AmplitudeServer

__all__ = ["AmplitudeServer", "Fault"]
