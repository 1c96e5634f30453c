"""What a type checker says of the module and of what its page shows."""
import importlib.util
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).parents[2]
WRONG = """\
import millpond
from millpond import Fail, Job, Producer, Retry, handles

@handles("a", attempts="3")
def a(job: Job) -> None:
    job.enqueue("b", dela_ms=5)
    job.enqueue("b", key=5)
    raise Retry("busy", after=5)

Producer().enqueue("a", delya=5)
millpond.enqueue("a", max_attempts="3")
Fail("gone", after_ms=5)
"""


def checked(*files):
    """What `mypy --strict` writes; nothing of it is kept."""
    path = str(pathlib.Path(importlib.util.find_spec("millpond").origin).parents[1])
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", os.devnull, *map(str, files)]
    in_site_packages = "site-packages" in path
    environment = {**os.environ, **({} if in_site_packages else {"MYPYPATH": path})}
    return subprocess.run(command, capture_output=True, text=True, env=environment).stdout


# packaging/check-wheel installs mypy, so that these run on every wheel.
if importlib.util.find_spec("mypy"):

    class Types(unittest.TestCase):
        def test_the_examples_pass(self):
            with tempfile.TemporaryDirectory() as folder:
                page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
                blocks = [block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "import" in block]
                self.assertEqual(len(blocks), 6)
                names = ("handlers", "send", "producers", "refund", "test_handlers", "test_refund")
                for name, block in zip(names, blocks):
                    pathlib.Path(folder, f"{name}.py").write_text(block, encoding="utf-8")
                self.assertEqual(checked(*sorted(pathlib.Path(folder).glob("*.py"))), "")

        def test_a_wrong_name_and_a_wrong_type_are_seen(self):
            with tempfile.TemporaryDirectory() as folder:
                file = pathlib.Path(folder, "wrong.py")
                file.write_text(WRONG, encoding="utf-8")
                lines = {int(line) for line in re.findall(r"wrong\.py:(\d+): error", checked(file))}
                self.assertEqual(lines, {4, 6, 7, 8, 10, 11, 12})


if __name__ == "__main__":
    unittest.main()
