"""Langfuse's own client, posting to a collector here, with a tracer provider of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import uuid4

from .otlp_collector import OTLPCollector


class Project(NamedTuple):
    """A client, where it posts to, its public key, and the tracer provider whose spans it takes."""

    collector: OTLPCollector
    client: Any
    key: str
    provider: Any


@contextmanager
def project(collector: OTLPCollector) -> Iterator[Project]:
    """A project with a key of its own: a process has one client a key."""
    from langfuse import Langfuse
    from opentelemetry.sdk.trace import TracerProvider

    key, provider = f"pk-lf-{uuid4()}", TracerProvider()
    client = Langfuse(public_key=key, secret_key="sk-lf-x", base_url=collector.root, tracer_provider=provider)
    yield Project(collector, client, key, provider)
    client.shutdown()
