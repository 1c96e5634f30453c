"""The manual pages, made from what the program says about itself."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from support import program

SCRIPT = pathlib.Path(__file__).parents[2] / "packaging" / "manpages.py"


def options(command):
    """The long options that a command and those below it show."""
    for argument in command.get("arguments", []):
        if argument["shouldDisplay"]:
            yield from (name["name"] for name in argument.get("names", []) if name["kind"] == "long")
    for child in command.get("subcommands", []):
        yield from options(child)


class ManualPages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        help_text = subprocess.run([program(), "--experimental-dump-help"], capture_output=True, check=True).stdout
        cls.root = json.loads(help_text)["command"]
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, SCRIPT, folder, "9.8.7"], input=help_text, check=True)
            cls.pages = {path.stem: path.read_text(encoding="utf-8") for path in pathlib.Path(folder).glob("*.1")}

    def test_every_command_has_a_page_and_the_first_names_them_all(self):
        names = {child["commandName"] for child in self.root["subcommands"]} - {"help"}
        self.assertEqual(set(self.pages), {"pond"} | {f"pond-{name}" for name in names})
        self.assertEqual([name for name in names if f"pond\\-{name}\\fR(1)" not in self.pages["pond"]], [])

    def test_every_option_stands_on_its_page(self):
        for child in self.root["subcommands"]:
            page = self.pages.get(f"pond-{child['commandName']}", "")
            missing = [name for name in options(child) if "\\-\\-" + name.replace("-", "\\-") not in page]
            self.assertEqual(missing if page else [], [], child["commandName"])

    def test_no_text_is_taken_for_a_command_of_roff(self):
        macros = {".TH", ".SH", ".SS", ".TP", ".PP"}
        for name, page in self.pages.items():
            found = {line.split(" ")[0] for line in page.splitlines() if line[:1] in (".", "'")}
            self.assertEqual(found - macros, set(), name)
            self.assertIn('"millpond 9.8.7"', page.splitlines()[0])


if __name__ == "__main__":
    unittest.main()
