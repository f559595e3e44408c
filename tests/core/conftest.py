"""Properties are held to what they say, not to how long an example takes: a busy machine is no fault."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
