#!/usr/bin/env python3
"""Plants small bugs in the coordinator's core and demands that the simulation of its life sees them.

usage: planted_bugs.py plant SOURCE_ROOT TARGET   (the build does) writes TARGET/*.cc: the core with every bug of
           planted_bugs.txt asleep in it; strata_planted_bug wakes one by its number, 0 none
       planted_bugs.py prove PROGRAM [LIVES]      wakes each in turn for LIVES lives, prints what was seen, and
           exits with 1 when fewer than 48 in 50 are caught or the sound core breaks a promise

All are in one program, so that they cost one compilation. A bug whose text is not found exactly once is an error: the
table must follow the core.
"""
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
CAUGHT_OF_50 = 48


def bugs():
    """(number, file, word, text, bug) of each entry of the table."""
    found = []
    for block in (HERE / "planted_bugs.txt").read_text().split("\n\n"):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        if not lines:
            continue
        head = re.fullmatch(r"(\w+\.cc): (.+)", lines[0])
        body = "\n".join(lines[1:])
        if head is None or body.count("\n=>\n") != 1:
            sys.exit(f"planted_bugs.txt: no entry: {lines[0]}")
        text, bug = body.split("\n=>\n")
        found.append((len(found) + 1, head[1], head[2], text, "" if bug == "-" else bug))
    return found


def asleep(number, text, bug):
    """The text with the bug beside it: statements and expressions are switched each in their way."""
    if text.endswith((";", "}")):
        return f"if (strata_planted_bug == {number}) {{ {bug} }} else {{ {text} }}"
    return f"((strata_planted_bug == {number}) ? ({bug}) : ({text}))"


def plant(root, target):
    target.mkdir(parents=True, exist_ok=True)
    sources = {path.name: path.read_text() for path in sorted((root / "coordinator/core").glob("*.cc"))}
    planted = dict(sources)
    for number, name, word, text, bug in bugs():
        if sources[name].count(text) != 1 or planted[name].count(text) != 1:
            sys.exit(f"planted_bugs.txt: bug {number} ({word}): its text is not found once in {name}, "
                     f"but {sources[name].count(text)} times; write it anew")
        planted[name] = planted[name].replace(text, asleep(number, text, bug))
    for name, source in planted.items():
        (target / name).write_text("extern int strata_planted_bug;\n" + source)


def prove(program, lives):
    caught, table = 0, bugs()
    for number, name, word, _, _ in [(0, "", "the sound core", "", "")] + table:
        ran = subprocess.run([program, str(number), str(lives)], capture_output=True, text=True, timeout=300)
        seen = ran.returncode != 0
        print(f"{number:3} {'caught ' if seen else 'unseen '} {name} {word}: {ran.stdout.strip()[-120:]}", flush=True)
        if number == 0 and seen:
            sys.exit("the core breaks a promise without any bug")
        caught += seen
    print(f"{caught} of {len(table)} planted bugs caught in {lives} lives each")
    return 0 if len(table) >= 50 and caught * 50 >= CAUGHT_OF_50 * len(table) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["plant"] and len(sys.argv) == 4:
        plant(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
    elif sys.argv[1:2] == ["prove"] and len(sys.argv) in (3, 4):
        sys.exit(prove(sys.argv[2], int(sys.argv[3]) if len(sys.argv) == 4 else 10_000))
    else:
        sys.exit(__doc__)
