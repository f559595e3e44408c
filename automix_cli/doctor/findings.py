"""What there is on this computer, as data: packages, weights, the engine, and what is broken or missing.

Nothing here leaves the computer, and no key, address or folder outside these facts is read.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
import re
import shutil
import sys
import time
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

from automix_cli import weights
from automix_cli.progress import size
from automix_cli.weights.cache import is_stamped
from automix_cli.weights.fetch import remaining
from automix_core.errors import EngineError

_PACKAGES = {
    "pydantic": "base",
    "numpy": "base",
    "typer": "cli",
    "rich": "cli",
    "httpx": "cli",
    "tenacity": "cli",
    "langchain-core": "langchain",
    "langchain-openai": "demo",
    "llama-index-core": "llamaindex",
    "llama-index-llms-openai-like": "demo",
    "xllamacpp": "demo",
    "bm25s": "demo",
    "pypdf": "demo",
}
"""What AutoMix uses, and the extra that brings it."""

_MODULES = {
    "pydantic": "pydantic",
    "numpy": "numpy",
    "langchain-core": "langchain_automix",
    "langchain-openai": "langchain_openai",
    "llama-index-core": "llamaindex_automix",
    "llama-index-llms-openai-like": "llama_index.llms.openai_like",
    "bm25s": "bm25s",
    "pypdf": "pypdf",
}
"""What is imported to see whether an installed package works; the engine is tried in a process of its own."""


_ENVIRONMENT = (
    "AUTOMIX_CACHE_DIR",
    "AUTOMIX_WEIGHTS",
    "OPENAI_API_KEY",
    "SMALL_API_KEY",
    "LARGE_API_KEY",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "PIP_INDEX_URL",
    "PIP_PROXY",
)
"""Of these only whether they are set is told."""


def examine(weights_folder: str | None = None) -> dict[str, Any]:
    """Everything `doctor` reports, as JSON-able data; `broken` and `advice` are lists of sentences."""
    findings: dict[str, Any] = {
        "automix": _installed("automix-rag"),
        "python": {"version": platform.python_version(), "executable": sys.executable},
        "platform": {"system": platform.platform(), "machine": platform.machine(), "cpus": os.cpu_count()},
        "packages": {name: {"version": _installed(name), "extra": extra} for name, extra in _PACKAGES.items()},
        "environment": {name: bool(os.environ.get(name) or os.environ.get(name.lower())) for name in _ENVIRONMENT},
        "pip": _pip(),
        "cache": _cache(),
        "broken": [],
        "advice": [],
    }
    for name, package in findings["packages"].items():
        package["works"] = None if package["version"] is None else _works(name, findings)
    findings["weights"] = {model.name: _weights(model, weights_folder, findings) for model in weights.MODELS}
    findings["engine"] = _engine(findings)
    _advise(findings)
    return findings


def _pip() -> dict[str, Any]:
    """pip's version, and whether it goes on in the middle of a wheel whose connection was lost."""
    found = _installed("pip") if importlib.util.find_spec("pip") else None
    numbers = [int(part) for part in re.findall(r"\d+", found or "")[:2]]
    return {"version": found, "resumes": numbers >= [25, 1]}


def _cache() -> dict[str, Any]:
    """The folder for downloaded weights, what is free on its disk, and whether it can be written."""
    folder = weights.cache_folder()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    writable = there.is_dir() and os.access(there, os.W_OK)
    return {"folder": str(folder), "free_bytes": shutil.disk_usage(there).free, "writable": writable}


def _works(name: str, findings: dict[str, Any]) -> bool | None:
    module = _MODULES.get(name)
    if module is None:
        return None
    try:
        importlib.import_module(module)
    except Exception as error:
        findings["broken"].append(f"{name} is installed but {module} can't be imported: {_brief(error)}")
        return False
    return True


def _weights(model: weights.Weights, folder: str | None, findings: dict[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {"title": model.title, "licence": model.licence, "bytes": model.bytes}
    try:
        file = weights.find(model, folder)
    except EngineError as error:
        return facts | {"file": None, "problem": str(error)}
    if file is None:
        damaged = (weights.cache_folder() / model.filename).exists()
        to_come = {"download_bytes": remaining(model), "whole_download_bytes": model.download}
        return facts | {"file": None, "damaged": damaged, **to_come}
    return facts | {"file": str(file), "checked": is_stamped(file, model)}


def _engine(findings: dict[str, Any]) -> dict[str, Any]:
    """Start the engine on the smallest weights there are, and let it answer with one token."""
    if findings["packages"]["xllamacpp"]["version"] is None:
        return {"installed": False}
    from automix_cli.engine.engine import Engine, try_engine

    began = time.monotonic()
    file = next((facts["file"] for facts in findings["weights"].values() if facts["file"]), None)
    try:
        if file is None:
            try_engine()
            return {"installed": True, "loads": True, "answers": None}
        with Engine.start(file, context=512, slots=1) as engine:
            loaded = time.monotonic()
            _one_token(engine.base_url, engine.api_key, engine.model)
    except Exception as error:
        findings["broken"].append(_brief(error))
        return {"installed": True, "loads": False, "answers": False, "with": file}
    return {
        "installed": True,
        "loads": True,
        "answers": True,
        "with": file,
        "load_seconds": round(loaded - began, 2),
        "answer_seconds": round(time.monotonic() - loaded, 2),
    }


def _one_token(base_url: str, key: str, model: str) -> None:
    import httpx

    with httpx.Client(trust_env=False, timeout=60, headers={"Authorization": f"Bearer {key}"}) as client:
        question = {"model": model, "max_tokens": 1, "messages": [{"role": "user", "content": "Say yes."}]}
        client.post(f"{base_url}/chat/completions", json=question).raise_for_status()


def _advise(findings: dict[str, Any]) -> None:
    """What is missing, in words a person can act on."""
    advice, packages = findings["advice"], findings["packages"]
    absent = {extra for name, extra in _PACKAGES.items() if packages[name]["version"] is None}
    if {"langchain", "llamaindex"} <= absent:
        advice.append("no framework is installed: pip install 'automix-rag[langchain]' or 'automix-rag[llamaindex]'")
    if "demo" in absent:
        advice.append("the demo and the embedded engine need more: pip install 'automix-rag[all]'")
    advice.extend(_outside_range(packages))
    advice.extend(_about_downloads(findings))
    problems = {facts["problem"] for facts in findings["weights"].values() if "problem" in facts}
    there = [name for name, facts in findings["weights"].items() if facts["file"]]
    if problems and not there:
        advice.extend(sorted(problems))
    elif not set(weights.DEFAULT_PAIR) <= set(there) and not set(weights.TINY_PAIR) <= set(there):
        advice.append("automix demo downloads the weights that it needs; automix demo --tiny needs the least")


def _about_downloads(findings: dict[str, Any]) -> list[str]:
    """What would get in the way of a download that is still to come."""
    to_come = [facts.get("download_bytes", 0) for facts in findings["weights"].values()]
    if not any(to_come):
        return []
    advice, cache = [], findings["cache"]
    if findings["pip"]["version"] is None:
        advice.append("this Python has no pip, which downloads the weights: python -m ensurepip")
    if not cache["writable"]:
        advice.append(f"the cache {cache['folder']} can't be written: choose another folder with AUTOMIX_CACHE_DIR")
    elif cache["free_bytes"] < sum(to_come):
        advice.append(
            f"the disk of the cache has {size(cache['free_bytes'])} free, all the weights need {size(sum(to_come))}: "
            f"make room, or choose another folder with AUTOMIX_CACHE_DIR"
        )
    return advice


def _outside_range(packages: dict[str, Any]) -> list[str]:
    """A sentence for each installed package of a version that AutoMix is not made for."""
    try:
        from packaging.requirements import Requirement

        wanted = [Requirement(line) for line in requires("automix-rag") or []]
    except (ImportError, PackageNotFoundError):  # packaging comes with the frameworks
        return []
    found = {need.name: need for need in wanted if packages.get(need.name, {}).get("version")}
    return [
        f"{name} {packages[name]['version']} is not the version AutoMix needs: pip install '{name}{need.specifier}'"
        for name, need in found.items()
        if not need.specifier.contains(packages[name]["version"], prereleases=True)
    ]


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _brief(error: Exception) -> str:
    """The error in a line; of a long one the beginning."""
    text = " ".join(str(error).split())
    said = text if isinstance(error, EngineError) else f"{type(error).__name__}: {text}"
    return said if len(said) <= 600 else said[:599] + "…"
