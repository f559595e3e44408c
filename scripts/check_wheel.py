"""Look into a built wheel: the packages with their markers and data are there, tests and models are not."""

from __future__ import annotations

import sys
import zipfile

PACKAGES = ("automix_core", "langchain_automix", "llamaindex_automix", "automix_cli")


def main(wheel: str) -> None:
    """Exit with a sentence if something is missing or does not belong."""
    names = zipfile.ZipFile(wheel).namelist()
    folders = {name.partition("/")[0] for name in names}
    info = {folder for folder in folders if folder.endswith(".dist-info")}
    if folders - info != set(PACKAGES):
        sys.exit(f"{wheel} holds {sorted(folders - info)}, not {sorted(PACKAGES)}.")
    for package in PACKAGES:
        for file in ("__init__.py", "py.typed"):
            if f"{package}/{file}" not in names:
                sys.exit(f"{wheel} lacks {package}/{file}.")
    if not any(name.startswith("automix_cli/") and name.endswith(".md") for name in names):
        sys.exit(f"{wheel} lacks the demo's documents.")
    if large := [name for name in names if name.endswith((".gguf", ".bin"))]:
        sys.exit(f"{wheel} holds models: {large}.")
    print(f"{wheel.rpartition('/')[2]}: {len(names)} files")


if __name__ == "__main__":
    main(sys.argv[1])
