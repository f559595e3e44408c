"""`automix doctor`: what is installed, where the weights are, whether the engine starts, and what to do about it.

Safe to paste into a bug report: of the environment only names are printed, whatever looks like a key or a password in a
sentence is left out, and the home folder is shown as `~`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from automix_cli.doctor.findings import examine
from automix_cli.printing import print_json


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
        findings = _safe(examine(weights_folder))
    if as_json:
        print_json(findings)
    else:
        typer.echo(_words(findings))
    if findings["broken"]:
        raise typer.Exit(1)


def _safe(findings: Any) -> Any:
    """The same without passwords and keys in any text, and with `~` for the home folder."""
    if isinstance(findings, dict):
        return {key: _safe(value) for key, value in findings.items()}
    if isinstance(findings, list):
        return [_safe(value) for value in findings]
    return _safe_text(findings) if isinstance(findings, str) else findings


def _safe_text(text: str) -> str:
    for name, value in os.environ.items():
        if re.search(r"KEY|TOKEN|SECRET|PASSWORD", name, re.IGNORECASE) and len(value) >= 8:
            text = text.replace(value, "***")
    text = re.sub(r"(\w+://)[^\s/@]*@", r"\1***@", text)
    home = str(Path.home())
    return re.sub(rf"{re.escape(home)}(?=[/\\]|$|\W)", "~", text) if len(home) > 1 else text


def _words(findings: dict[str, Any]) -> str:
    """The findings for people."""
    from automix_cli.progress import size

    python, machine, engine = findings["python"], findings["platform"], findings["engine"]
    lines = [
        f"automix-rag  {findings['automix'] or 'run from its source'}",
        f"Python       {python['version']} ({python['executable']})",
        f"frameworks   {_hosts(findings['packages'])}",
        f"platform     {machine['system']}, {machine['cpus']} CPUs",
        f"pip          {_pip_words(findings['pip'])}",
        f"set          {', '.join(name for name, is_set in findings['environment'].items() if is_set) or 'nothing'}",
        "",
        "packages",
    ]
    for name, package in findings["packages"].items():
        state = "  broken" if package["works"] is False else ""
        lines.append(f"  {name:<30}{package['version'] or 'absent (extra: ' + package['extra'] + ')'}{state}")
    cache = findings["cache"]
    lines += ["", f"weights (cache: {cache['folder']}, {size(cache['free_bytes'])} free)"]
    lines += [f"  {name:<30}{_where(facts, cache['folder'])}" for name, facts in findings["weights"].items()]
    lines += ["", f"engine       {_engine_words(engine)}"]
    if findings["broken"]:
        lines += ["", "broken", *(f"  {line}" for line in findings["broken"])]
    if findings["advice"]:
        lines += ["", "to do", *(f"  {line}" for line in findings["advice"])]
    return "\n".join(lines)


def _hosts(packages: dict[str, Any]) -> str:
    named = {"LangChain": packages["langchain-core"]["version"], "LlamaIndex": packages["llama-index-core"]["version"]}
    return ", ".join(f"{name} {found}" for name, found in named.items() if found) or "none"


def _pip_words(pip: dict[str, Any]) -> str:
    if pip["version"] is None:
        return "absent"
    return f"{pip['version']}, {'resumes' if pip['resumes'] else 'starts again with'} a wheel that was cut off"


def _where(facts: dict[str, Any], cache: str) -> str:
    """Where a model's weights are."""
    from automix_cli.progress import size

    if facts["file"]:
        folder = str(Path(facts["file"]).parent)
        if folder != cache:  # a folder of the user's, who knows what is in it
            return f"in {folder}, SHA-256 not compared"
        return f"in the cache, {'SHA-256 as expected' if facts['checked'] else 'SHA-256 not compared yet'}"
    if "problem" in facts:
        return "not in the weights folder"
    to_come = f"{size(facts['download_bytes'])} to download"
    if facts["damaged"]:
        return f"damaged ({to_come})"
    begun = facts["download_bytes"] < facts["whole_download_bytes"]
    return f"{'begun' if begun else 'absent'} ({to_come})"


def _engine_words(engine: dict[str, Any]) -> str:
    if not engine["installed"]:
        return "not installed (extra: demo)"
    if not engine["loads"]:
        return "does not work"
    if not engine["answers"]:
        return "can be loaded; not tried on a model, as no weights are there"
    took = f"in {engine['load_seconds']} s, answered in {engine['answer_seconds']} s"
    return f"works: loaded {Path(engine['with']).name} {took}"
