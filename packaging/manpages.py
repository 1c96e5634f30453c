#!/usr/bin/env python3
"""Writes manual pages from what the program says about itself, one for each command: nothing of them is kept by hand.

    pond --experimental-dump-help | packaging/manpages.py FOLDER VERSION
"""
import json
import os
import re
import sys
import time


def plain(text):
    """Text that roff leaves as it is."""
    text = text.replace("\\", "\\e")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in text.split("\n"))


def marked(text):
    """A paragraph with `code` in bold; dashes of options stay dashes when they are copied."""
    parts = plain(text).split("`")
    for at in range(1, len(parts), 2):
        parts[at] = f"\\fB{parts[at].replace('-', chr(92) + '-')}\\fR"
    words = re.sub(r"(?<![\w\\])--(?=\w)", r"\\-\\-", "".join(parts))
    return "\n.PP\n".join(line for line in words.split("\n") if line.strip())


def bold(text):
    return "\\fB" + plain(text).replace("-", "\\-") + "\\fR"


def value(argument):
    return f"\\fI{plain(argument.get('valueName') or 'value')}\\fR"


def name_of(name):
    return ("-" if name["kind"] != "long" else "--") + name["name"]


def heading(argument):
    if argument["kind"] == "positional":
        return value(argument) + (" ..." if argument.get("isRepeating") else "")
    names = sorted((name_of(name) for name in argument["names"]), key=len)
    text = ", ".join(bold(name) for name in names)
    return text + (f" {value(argument)}" if argument["kind"] == "option" else "")


def shown(command):
    return [argument for argument in command.get("arguments", []) if argument.get("shouldDisplay", True)]


def children(command):
    return [child for child in command.get("subcommands", []) if child["commandName"] != "help"]


def synopsis(command, names):
    arguments = shown(command)
    parts = [bold(" ".join(names))]
    if children(command) and not command.get("defaultSubcommand"):
        parts.append("\\fIcommand\\fR")
    if any(argument["kind"] != "positional" for argument in arguments):
        parts.append("[\\fIoption\\fR ...]")
    for argument in arguments:
        if argument["kind"] == "positional":
            text = heading(argument)
            parts.append(f"[{text}]" if argument.get("isOptional") else text)
    return " ".join(parts)


def options(arguments):
    lines = []
    for argument in arguments:
        lines += [".TP", heading(argument)]
        text = [marked(argument[part]) for part in ("abstract", "discussion") if argument.get(part)]
        if argument.get("allValues"):
            text.append("One of: " + ", ".join(plain(one) for one in argument["allValues"]) + ".")
        default = argument.get("defaultValue")
        if default and argument["kind"] != "flag" and "efaults to" not in argument.get("abstract", ""):
            text.append(f"Defaults to {plain(default)}.")
        lines.append("\n".join(text) or "\\&")
    return lines


def described(command, names):
    """The inside of one command: text, then positional arguments and options."""
    lines = [marked(command.get("abstract", ""))]
    if command.get("discussion"):
        lines += [".PP", marked(command["discussion"])]
    arguments = shown(command)
    return lines, arguments


def section(command, names):
    """A command below the page's own, with all that is below it."""
    lines = [f".SS {bold(' '.join(names))}", synopsis(command, names), ".PP"]
    text, arguments = described(command, names)
    lines += text + options(arguments)
    for child in children(command):
        lines += section(child, [*names, child["commandName"]])
    return lines


def page(command, names, version, date, others):
    title = "-".join(names)
    text, arguments = described(command, names)
    lines = [
        f'.TH {title.upper()} 1 "{date}" "millpond {version}" "Millpond"',
        ".SH NAME",
        f"{plain(title)} \\- {marked(command.get('abstract', ''))}",
        ".SH SYNOPSIS",
        synopsis(command, names),
        ".SH DESCRIPTION",
        *text,
    ]
    if arguments:
        lines += [".SH OPTIONS", *options(arguments)]
    if len(names) == 1:
        lines.append(".SH COMMANDS")
        for child in children(command):
            lines += [".TP", f"{bold('pond-' + child['commandName'])}(1)", marked(child.get("abstract", ""))]
        lines += [".SH FILES", ".TP", "\\fI/etc/millpond/millpond.yaml\\fR", "The queues of the service millpond."]
        lines += [".TP", "\\fI/etc/millpond/millpond.env\\fR", "Where Redis is, for the services."]
    elif children(command):
        lines.append(".SH COMMANDS")
        for child in children(command):
            lines += section(child, [*names, child["commandName"]])
    lines += [".SH SEE ALSO", ", ".join(f"{bold(other)}(1)" for other in others if other != title)]
    return "\n".join(line for line in lines if line) + "\n"


def main():
    folder, version = sys.argv[1:]
    root = json.load(sys.stdin)["command"]
    date = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))
    top = root["commandName"]
    titles = [top] + [f"{top}-{child['commandName']}" for child in children(root)]
    pages = {top: page(root, [top], version, date, titles)}
    for child in children(root):
        names = [top, child["commandName"]]
        pages["-".join(names)] = page(child, names, version, date, titles)
    os.makedirs(folder, exist_ok=True)
    for title, text in pages.items():
        with open(os.path.join(folder, f"{title}.1"), "w", encoding="utf-8") as file:
            file.write(text)


main()
