"""A model behind an OpenAI-compatible URL: one of the embedded servers, or the user's own."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..errors import ConfigError

TIMEOUT = 300.0
"""Seconds for one request: a long prompt takes a while on a laptop's CPU."""


@dataclass(frozen=True)
class Endpoint:
    """Where a model is reached; its repr hides the key."""

    base_url: str
    """Up to and including the version, as the OpenAI clients want it: `http://127.0.0.1:8080/v1`."""
    model: str
    """The model's name there."""
    api_key: str = field(repr=False)
    context_window: int | None = None
    """Tokens of prompt and answer together, where known."""

    @property
    def loopback(self) -> bool:
        """Whether it is on this computer, where a proxy from the environment must not be used."""
        host = urlsplit(self.base_url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")


def parse_endpoint(text: str, name: str) -> Endpoint:
    """Read `URL#model`; the key is in the environment: NAME_API_KEY, else OPENAI_API_KEY, else a placeholder is sent.

    A URL without a path gets `/v1`. `name` is what the model is called here, such as `small` (SMALL_API_KEY).

    Raises:
        ConfigError: the text is not of that form, or carries a key.
    """
    url, _, model = text.partition("#")
    bad = ConfigError(f"{name} must be URL#model, such as http://localhost:11434/v1#llama3.2, not {_hidden(text)!r}")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and model
    except ValueError:  # a port or an address that is none
        raise bad from None
    if not usable or re.search(r"\s", url):
        raise bad
    if parts.username is not None or parts.query:
        raise ConfigError(f"{name} must not carry a key in its URL; set {key_variable(name)} instead")
    path = parts.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
    return Endpoint(f"{parts.scheme}://{parts.netloc}{path}", model, _key(name))


def _key(name: str) -> str:
    for variable in (key_variable(name), "OPENAI_API_KEY"):
        if key := os.environ.get(variable, "").strip():
            if not (key.isascii() and key.isprintable()):
                raise ConfigError(f"{variable} holds a character that no key has; set it again")
            return key
    return "none"


def key_variable(name: str) -> str:
    """The environment variable that holds the key of a model called `name`."""
    return re.sub(r"\W", "_", name).upper() + "_API_KEY"


def _hidden(text: str) -> str:
    return re.sub(r"\?.*", "?***", re.sub(r"//[^/@#]*@", "//***@", text), flags=re.DOTALL)
