#!/usr/bin/env python3
"""Writes a manual page to standard output.

  manual-pages.py command HELP.json VERSION         holdfast(1), from the program's own help
  manual-pages.py configuration FILE.toml VERSION   holdfast.toml(5), from the commented default

The page of the command holds what `holdfast --experimental-dump-help` tells, so that no option can
be missing; that of the configuration holds the default file, which is the manual of its keys.
"""

import json
import re
import sys


def escaped(text):
    """Text that troff shows as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    text = text.replace("`", "\\(ga").replace("~", "\\(ti").replace("^", "\\(ha")
    return "\n".join("\\&" + line if line.startswith((".", "\\(aq")) else line
                     for line in text.split("\n"))


def title(name, section, version):
    print(f'.TH {name.upper()} {section} "" "holdfast {version}" "Holdfast"')
    print(".nh\n.ad l")


def paragraphs(text):
    """Prose is filled; lines that are indented or lie under a heading stay as they are."""
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        lines = block.split("\n")
        if re.fullmatch(r"[A-Z][A-Z ]+:", lines[0]):
            print(f".PP\n\\fB{escaped(lines.pop(0).capitalize())}\\fR")
        if not lines:
            continue
        if any(line.startswith("  ") for line in lines):
            print(".PP\n.RS 4\n.nf")
            print(escaped("\n".join(line.removeprefix("  ") for line in lines)))
            print(".fi\n.RE")
        else:
            print(".PP\n" + escaped("\n".join(lines)))


def name_of(argument):
    """How an option, a flag or a value is written."""
    if argument["kind"] == "positional":
        return f"\\fI{escaped(argument['valueName'].upper())}\\fR"
    names = sorted(argument["names"], key=lambda n: n["kind"] != "short")
    text = ", ".join("\\fB" + escaped(("-" if n["kind"] == "short" else "--") + n["name"]) + "\\fR"
                     for n in names)
    if argument["kind"] == "option":
        text += f" \\fI{escaped(argument['valueName'])}\\fR"
    return text


def arguments(command):
    for argument in command.get("arguments", []):
        if not argument["shouldDisplay"] or argument["valueName"] in ("help", "version"):
            continue
        print(f".TP\n{name_of(argument)}")
        print(escaped(argument.get("abstract", "")))
        if "defaultValue" in argument:
            print(f"Default: {escaped(argument['defaultValue'])}.")


def commands(command, names):
    for each in command.get("subcommands", []):
        if each["commandName"] == "help" or not each["shouldDisplay"]:
            continue
        path = names + [each["commandName"]]
        print(f'.SS "{escaped(" ".join(path))}"')
        print(escaped(each.get("abstract", "")))
        arguments(each)
        paragraphs(each.get("discussion", ""))
        commands(each, path)


def command_page(path, version):
    with open(path, encoding="utf-8") as file:
        root = json.load(file)["command"]
    body, _, exits = root["discussion"].partition("EXIT CODES:")
    title("holdfast", 1, version)
    print(".SH NAME\nholdfast \\- light MQTT agent for the edge")
    print(".SH SYNOPSIS\n.B holdfast\n\\fIcommand\\fR [\\fIoptions\\fR]")
    print(".SH DESCRIPTION\n" + escaped(root["abstract"]))
    paragraphs(body)
    print(".SH COMMANDS")
    commands(root, ["holdfast"])
    print('.SH "EXIT STATUS"')
    for line in exits.strip("\n").split("\n"):
        code, _, meaning = line.strip().partition(" ")
        print(f".TP\n.B {code}\n{escaped(meaning.strip())}")
    print(".SH FILES")
    for file, what in (
            ("/etc/holdfast/holdfast.toml", "the configuration, see holdfast.toml(5)"),
            ("/var/lib/holdfast", "the ring log and what has been set aside")):
        print(f".TP\n.I {escaped(file)}\n{escaped(what)}")
    print('.SH "SEE ALSO"\n.BR holdfast.toml (5),\n.BR mosquitto (8)')


def prose(lines):
    """Comment lines: indented ones stay as they are, an empty one begins a paragraph."""
    kept = False
    for line in lines:
        if line.startswith("  ") != kept:
            kept = not kept
            print(".RS 4\n.nf" if kept else ".fi\n.RE")
        if line.strip():
            print(escaped(line.removeprefix("  ") if kept else line))
        elif not kept:
            print(".PP")
    if kept:
        print(".fi\n.RE")


def configuration_page(path, version):
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    title("holdfast.toml", 5, version)
    print(".SH NAME\nholdfast.toml \\- configuration of the MQTT agent holdfast")
    print(".SH DESCRIPTION")
    comment = []
    for line in lines:
        table = re.fullmatch(r"#?(\[\[?[a-z_.]+\]\]?)", line)
        key = re.fullmatch(r"#?([a-z_]+) = (.*)", line)
        if key:
            print(f".TP\n\\fB{escaped(key[1])}\\fR = {escaped(key[2])}")
            print(".RS" if comment else "", end="\n" if comment else "")
            prose(comment)
            print(".RE" if comment else "", end="\n" if comment else "")
            comment = []
        elif table:
            print(f'.SH "{escaped(table[1])}"')
            prose(comment)
            comment = []
        elif line.startswith("#"):
            comment.append(line[1:].removeprefix(" "))
        elif comment and not line.strip():
            print(".PP")
            prose(comment)
            comment = []
    prose(comment)
    print(".SH FILES\n.TP\n.I /etc/holdfast/holdfast.toml\nThis text, with its comments, is the default.")
    print('.SH "SEE ALSO"\n.BR holdfast (1)')


def main():
    pages = {"command": command_page, "configuration": configuration_page}
    if len(sys.argv) != 4 or sys.argv[1] not in pages:
        sys.exit(__doc__)
    pages[sys.argv[1]](sys.argv[2], sys.argv[3])


main()
