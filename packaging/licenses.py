#!/usr/bin/env python3
"""Collects the licences of what is inside the program: `packaging/licenses.py CHECKOUTS > third-party-licenses.txt`.

Each text stands once, below the names of all that it is for.
"""
import glob
import os
import shutil
import sys

SYSTEM = {"hiredis": "/usr/share/doc/libhiredis-dev/copyright", "SQLite": "/usr/share/doc/libsqlite3-dev/copyright"}


def texts(checkouts):
    """Pairs of a name and a file, for the packages, what they carry in their sources, and the toolchain's libraries."""
    for folder in sorted(glob.glob(os.path.join(checkouts, "*/"))):
        name = os.path.basename(os.path.dirname(folder))
        own = [file for kind in ("LICENSE*", "NOTICE*") for file in sorted(glob.glob(os.path.join(folder, kind)))]
        if not own:
            sys.exit(f"{folder} has no licence; do not distribute it before you have found one")
        for file in own:
            yield name, file
        for file in sorted(glob.glob(os.path.join(folder, "Sources", "**", "LICENSE*"), recursive=True)):
            yield f"{name}, {os.path.basename(os.path.dirname(file))}", file
    compiler = shutil.which("swift")
    if compiler:
        toolchain = os.path.dirname(os.path.dirname(os.path.realpath(compiler)))
        yield "Swift's standard library, Foundation and Dispatch", os.path.join(toolchain, "share/swift/LICENSE.txt")
    yield from SYSTEM.items()


def main():
    names = {}
    for name, path in texts(sys.argv[1]):
        try:
            with open(path, encoding="utf-8") as file:
                text = "\n".join(line.rstrip() for line in file.read().strip().split("\n"))
        except OSError as error:
            sys.exit(f"the licence of {name} cannot be read: {error}")
        names.setdefault(text, []).append(name)
    if len(names) < 3:
        sys.exit(f"{sys.argv[1]} holds no packages; run: swift package resolve")
    print("The program pond contains the work of others, under these terms.")
    for text, owners in names.items():
        line = "; ".join(dict.fromkeys(owners))
        print(f"\n{'=' * 78}\n{line}\n{'=' * 78}\n\n{text}")


main()
