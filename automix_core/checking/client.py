"""What is known of a client, as data, and how a model is told what a check needs.

A model here is any object with pydantic's `model_fields` and `model_copy`; both frameworks' are. Settings go into the
model's own fields on a copy, into the arguments that it keeps for its provider where those hold the same settings, and
into keywords of the call only where the client documents one.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from .refusal import LIMITS

log = logging.getLogger("automix")

EXTRAS = ("model_kwargs", "additional_kwargs", "generate_kwargs", "extra_body", "options", "output_config", "text")
"""Fields and keywords in which clients keep arguments for their provider, some of them for answers only."""
LIMIT_FIELDS = ("max_tokens", "num_predict", "max_output_tokens", "max_new_tokens", "max_completion_tokens")
"""What clients call the longest answer; of these a client that is in no table has one, if any."""
SEEDS = frozenset({"seed", "random_seed"})
SHAPES = frozenset(
    {
        *("stop", "stop_sequences", "stopSequences"),
        *("response_format", "format", "json_mode", "response_mime_type", "response_schema", "response_json_schema"),
        *("grammar", "json_schema", "guided_json", "guided_choice", "guided_regex", "guided_grammar"),
        *("structured_outputs", "output_format", "ls_structured_output_format", "text_format"),
        *("tools", "tool_choice", "parallel_tool_calls", "functions", "function_call", "tool_config", "built_in_tools"),
        *("built_in_tool", "mcp_servers"),
        "cached_content",  # Gemini's: a request that begins with one takes no instructions of its own
    }
)
"""What shapes an answer and would make a verdict impossible."""
DROPPED = SEEDS | SHAPES
SEVERAL = frozenset({"n", "best_of"})
"""How many answers a user's model is asked for: a check wants as many as it says."""


@dataclass(frozen=True, slots=True)
class Client:
    """How one client is told what a check needs, and what it reports: a row of an adapter's table.

    `temperature`, `limit`: its own fields; `needs_limit`: its provider demands one, so the model's own stays where none
    is sent. `limit_names`: the provider's names for it.
    `choices`: its field for the number of replies of one request, or its keyword if `by_keyword`; None: it has none.
    `logprobs`: its fields, else its keywords, for log-probabilities of tokens; `TOP` stands for how many alternatives.
    `retries`: its field for them, and the value for none.
    `always`: keywords of each call.
    `inside`: a keyword of its calls whose dict holds settings, for models that froze theirs when they were made.
    `unset`: what sends nothing where None would be sent as null.
    `keeps`: what is dropped elsewhere and means something else here.
    `good`: the finish reasons of whole answers, in lower case; `always_ends`: each answer has one;
    `streams_end`: so has each stream, where the client hands it on.
    `usage`, `cached`: it reports tokens, and which of them a prompt cache served.
    `mark`: the kind of its mark in a prompt, up to which its provider's cache may serve it; None where it has none, and
    needs none.
    `blocks`: its awaited calls hold up the loop.
    `unheard`: where it keeps its provider's clients, which it asks for objects itself and tells nobody what they said.
    `guess`: nothing of this is known, so what it has no field for is tried as a keyword.
    """

    temperature: str = "temperature"
    limit: str | None = "max_tokens"
    needs_limit: bool = False
    limit_names: tuple[str, ...] = LIMITS[:1]
    choices: str | None = None
    by_keyword: bool = False
    logprobs: Mapping[str, Any] | None = None
    retries: tuple[str, int] | None = ("max_retries", 0)
    always: Mapping[str, Any] = field(default_factory=dict)
    inside: str | None = None
    unset: str | None = None
    keeps: frozenset[str] = frozenset()
    good: frozenset[str] = frozenset({"stop"})
    always_ends: bool = False
    streams_end: bool = True
    cached: bool = False
    mark: str | None = None
    usage: bool = True
    blocks: bool = False
    unheard: tuple[str, ...] = ()
    guess: bool = False


def keeping(client: Client, names: frozenset[str]) -> Client:
    """The row of a client that also keeps what goes by these names."""
    return replace(client, keeps=client.keeps | names) if names else client


TOP = object()
"""Stands in `Client.logprobs` for the number of alternatives wanted."""


def package(kind: type) -> str:
    """The distribution's package that a class is from: the first part of its module, of LlamaIndex's the third too."""
    parts = kind.__module__.split(".")
    return ".".join(parts[:3] if parts[0] == "llama_index" else parts[:1])


def known(kind: type, table: Mapping[str, Client]) -> Client | None:
    """The row of the first class among a model's class and its bases that `table` has, by "package.Class"."""
    for base in kind.__mro__:
        if row := table.get(f"{package(base)}.{base.__qualname__}"):
            return row
    return None


def guessed(kind: type) -> Client:
    """A row for a client that no table has: its own fields, under the names that most use."""
    fields: Mapping[str, Any] = getattr(kind, "model_fields", {})
    return Client(
        limit=next((name for name in LIMIT_FIELDS if name in fields), None),
        choices="n" if "n" in fields else None,
        retries=("max_retries", 0) if "max_retries" in fields else None,
        good=frozenset(),
        always_ends=False,
        guess=True,
    )


def name_stranger(kind: type, table: Mapping[str, Client], home: frozenset[str]) -> None:
    """Say once of a class that neither `table` nor its own framework (`home`, by packages) knows that it is a guess."""
    if package(kind) not in home and known(kind, table) is None:
        _name_stranger(f"{package(kind)}.{kind.__qualname__}")


@lru_cache(256)
def _name_stranger(name: str) -> None:
    log.warning(
        "%s is a client that AutoMix doesn't know: its checks are told temperature and length by its own fields, or "
        "under the names that most clients use. If they fail, or all say the same, let another model check: "
        "SelfVerifier(model=...).",
        name,
    )


def fields_of(model: object) -> Mapping[str, Any]:
    """The pydantic fields of a model's class; none for anything else."""
    fields: Mapping[str, Any] = getattr(type(model), "model_fields", {})
    return fields


@dataclass(frozen=True, slots=True)
class Told:
    """Changes to a copy of a model, and keywords for each of its calls."""

    fields: Mapping[str, Any]
    keywords: Mapping[str, Any]


def told(
    model: Any, client: Client, settings: Mapping[str, Any], without: frozenset[str] = frozenset(), n: int = 1
) -> Told:
    """How `model` is told `settings` (temperature, logprobs, the limit under one of its names), not those `without`.

    What belongs to answers alone (seeds, stop words, formats, tools) goes back to its field's default.
    """
    fields, keywords = fields_of(model), dict(client.always)
    update = {name: default_of(fields[name]) for name in (DROPPED - client.keeps) | SEVERAL if name in fields}
    extras = {name: dict(value) for name in EXTRAS if isinstance(value := getattr(model, name, None), Mapping)}
    update |= {name: cleaned(extra, client, settings, without) for name, extra in extras.items() if name in fields}
    warmth, limit_name, limit = settings.get("temperature"), *_limit(settings)
    if client.inside:
        keywords[client.inside] = _inside(client, warmth, limit, without)
    else:
        if warmth is not None and client.temperature in fields:
            update[client.temperature] = warmth
        elif warmth is not None and client.guess:
            keywords[client.temperature] = warmth
        elif "temperature" in without and client.temperature in fields:
            unset = _named(client.unset)
            (update if unset is None else keywords)[client.temperature] = unset
        keywords |= _limited(client, fields, update, extras, limit_name, limit, "max_tokens" in without)
    if (top := settings.get("logprobs")) and client.logprobs:
        place = keywords[client.inside] if client.inside else None
        for name, value in client.logprobs.items():
            where = place if place is not None else update if name in fields else keywords
            where[name] = top if value is TOP else value
    if n > 1 and client.choices:
        (keywords if client.by_keyword else update)[client.choices] = n
    if client.retries:
        update[client.retries[0]] = client.retries[1]
    return Told({k: v for k, v in update.items() if k in fields and not _same(getattr(model, k, None), v)}, keywords)


def telling(model: Any, client: Client, top: int) -> Told | None:
    """How `model` is told to report `top` alternatives to each token of an answer; None where its client can't."""
    if client.logprobs is None or client.inside:
        return None
    given = {name: top if value is TOP else value for name, value in client.logprobs.items()}
    fields = fields_of(model)
    own = {name: value for name, value in given.items() if name in fields}
    left = {name: value for name, value in given.items() if name not in fields}
    if left and "additional_kwargs" in fields:
        return Told(own | {"additional_kwargs": {**(model.additional_kwargs or {}), **left}}, {})
    return Told(own, left)


def cleaned(
    given: Mapping[str, Any], client: Client, settings: Mapping[str, Any], without: frozenset[str]
) -> dict[str, Any]:
    """Arguments that a user gave for answers, as they are for a check: without what shapes an answer, and with the
    check's settings in place of the answers'."""
    warmth, _, limit = settings.get("temperature"), *_limit(settings)
    kept: dict[str, Any] = {}
    for name, value in given.items():
        if name in DROPPED - client.keeps or (client.choices and name == client.choices):
            continue
        if name == "temperature":
            kept |= {} if "temperature" in without else {name: value if warmth is None else warmth}
        elif name in LIMITS or name in LIMIT_FIELDS:
            kept |= {} if "max_tokens" in without else {name: value if limit is None else limit}
        elif name in EXTRAS and isinstance(value, Mapping):
            kept[name] = cleaned(value, client, settings, without)
        else:
            kept[name] = value
    return kept


def _limit(settings: Mapping[str, Any]) -> tuple[str, Any]:
    return next(((name, settings[name]) for name in LIMITS if name in settings), (LIMITS[0], None))


def _inside(client: Client, warmth: Any, limit: Any, without: frozenset[str]) -> dict[str, Any]:
    """Settings for a dict that is laid over the model's own: None takes away what that one has."""
    nothing = {"seed", "stop_sequences", "response_mime_type", "response_schema", "response_json_schema", "tools"}
    found: dict[str, Any] = dict.fromkeys(nothing | {"tool_config", "cached_content"})
    if warmth is not None or "temperature" in without:
        found[client.temperature] = warmth
    if client.limit and (limit is not None or "max_tokens" in without):
        found[client.limit] = limit
    return found


def _limited(
    client: Client,
    fields: Mapping[str, Any],
    update: dict[str, Any],
    extras: Mapping[str, Mapping[str, Any]],
    name: str,
    limit: Any,
    unlimited: bool,
) -> dict[str, Any]:
    """Put the limit where the model keeps its own: among its arguments for the provider, or in its field; returns
    keywords for a model that has neither."""
    own = client.limit if client.limit in fields else None
    if limit is None:
        if unlimited and own and not client.needs_limit and default_of(fields[own]) is None:
            update[own] = None
        return {}
    placed = any(key in LIMITS or key in LIMIT_FIELDS for extra in extras.values() for key in extra)
    renamed = name != client.limit_names[0]
    if own:
        update[own] = None if placed or renamed else limit
    if placed or (own and not renamed):
        return {}
    key = name if renamed or client.limit is None else client.limit
    for place in ("additional_kwargs", "generate_kwargs", "extra_body", "model_kwargs"):
        if place in fields and client.limit is not None:
            update[place] = {**(update.get(place) or {}), key: limit}
            return {}
    return {key: limit} if client.guess else {}


def default_of(field: Any) -> Any:
    """The default of a pydantic field; None where it has none."""
    value = field.get_default(call_default_factory=True)
    return None if type(value).__name__ == "PydanticUndefinedType" else value


def _named(name: str | None) -> Any:
    """A module's value, if the module is loaded: "openai.NOT_GIVEN"."""
    module, _, attribute = (name or "").partition(".")
    return getattr(sys.modules.get(module), attribute, None) if name else None


def _same(one: Any, other: Any) -> bool:
    try:
        return type(one) is type(other) and bool(one == other)
    except Exception:  # objects that can't be compared
        return False


def without_retries(model: Any) -> dict[str, Any]:
    """Clients that a model was built with, as they are without retries: they share the first ones' connections."""
    update: dict[str, Any] = {}
    for root, resource in (("root_client", "client"), ("root_async_client", "async_client")):
        made, held = getattr(model, root, None), getattr(model, resource, None)
        client = made if made is not None else getattr(held, "_client", None)  # of Groq's: a resource knows its client
        if client is not None and hasattr(client, "with_options") and hasattr(client, "chat"):
            again = client.with_options(max_retries=0)
            update |= {root: again} if made is not None else {}
            update[resource] = _resource(again, held)
        elif held is not None:
            update[resource] = untrying(held)
    return {name: value for name, value in update.items() if name in fields_of(model)}


def _resource(client: Any, held: Any) -> Any:
    """What of a client a model asks: chats, as most do, or completions where it `held` those."""
    completions = getattr(client, "completions", None)
    return completions if held is not None and type(held) is type(completions) else client.chat.completions


def untrying(client: Any) -> Any:
    """A provider's own client as it is without retries, or itself where nobody knows how.

    OpenAI's, Anthropic's and Groq's can say so of a copy. One of botocore's is copied by hand, as its handler of errors
    is what tries again.
    """
    if hasattr(client, "with_options"):
        return client.with_options(max_retries=0)
    try:
        service = client.meta.service_model.service_name
        events, endpoint = copy(client.meta.events), copy(client._endpoint)
        events.unregister(f"needs-retry.{service}", unique_id=f"retry-config-{service}")
        twin = object.__new__(type(client))  # not copy(), which its __getattr__ sends round in circles
        endpoint._event_emitter = events
        twin.__dict__.update({**vars(client), "_endpoint": endpoint})
    except Exception:  # no client of botocore's, or another version of it
        return client
    return twin
