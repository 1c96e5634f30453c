"""Where the program `pond` is that came with this module."""
from __future__ import annotations

import os
import shutil
import sysconfig


def pond_path() -> str:
    """The path of `pond`: of this installation, else the first on PATH.

    Raises FileNotFoundError that says what to do.
    """
    # Of this environment, then of a `pip install --user`.
    for folder in (sysconfig.get_path("scripts"), sysconfig.get_path("scripts", f"{os.name}_user")):
        path = os.path.join(folder, "pond")
        if os.access(path, os.X_OK):
            return path
    found = shutil.which("pond")
    if found is None:
        raise FileNotFoundError("there is no program `pond` beside this Python, or on PATH: pip install millpond again")
    return found
