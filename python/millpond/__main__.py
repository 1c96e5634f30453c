"""`python -m millpond …` is `pond …`, also where the folder of scripts is not on PATH."""
import os
import sys

from millpond._program import pond_path

if __name__ == "__main__":
    path = pond_path()
    os.execv(path, [path, *sys.argv[1:]])
