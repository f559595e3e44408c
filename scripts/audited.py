"""What pip-audit found, in words: audited.py SERVICE EXIT-CODE < its JSON.

Exits with 0 if packages were looked up and none is vulnerable, 1 if one is, 2 if the service told nothing: pip-audit
itself passes when every look-up was skipped.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def judge(text: str) -> tuple[int, list[str]]:
    """The exit code, and a line for each vulnerability and for what was looked up."""
    try:
        found: list[dict[str, Any]] = json.loads(text)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return 2, []
    looked_up = [package for package in found or () if "vulns" in package]
    if not looked_up:
        return 2, []
    lines = [
        f"{package['name']} {package['version']}: {known['id']}, fixed in {', '.join(known['fix_versions']) or 'none'}"
        for package in looked_up
        for known in package["vulns"]
    ]
    return (1 if lines else 0), [*lines, f"{len(looked_up)} of {len(found)} packages looked up, {len(lines)} findings."]


def main() -> int:
    """Judge what stands on standard input."""
    service, code = sys.argv[1:]
    verdict, lines = judge(sys.stdin.read())
    print("\n".join(lines) or f"{service}: no answer (pip-audit ended with {code}).")
    return verdict


if __name__ == "__main__":
    sys.exit(main())
