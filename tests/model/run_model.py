#!/usr/bin/python3
"""Checks one configuration of a model with SPIN: exit status 0 when it ends as expected.

usage: run_model.py MODEL.pml SCRATCH_DIR (holds|fails) [-DNAME[=VALUE]...]

holds   the whole state space was searched, within depth and memory, without an error
fails   a mutant: an assertion is violated or somebody is blocked
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

DEPTH = 100_000
MEMORY_MB = 3500
INCOMPLETE = ("max search depth too small", "out of memory", "reached -DMEMLIM", "Search not completed", "interrupted")


def run(command, directory):
    done = subprocess.run(command, cwd=directory, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


def build(model, directory, defines):
    """The verifier pan in the directory; raises RuntimeError with what spin or the compiler says."""
    for tool, hint in (("spin", "tools/setup --tests installs it"), ("gcc", "tools/setup installs it")):
        if shutil.which(tool) is None:
            raise RuntimeError(f"{tool} is not on the path; {hint}")
    for source in model.parent.glob("*.pml"):
        shutil.copy(source, directory)
    compiler = ["gcc", "-O2", "-w", "-DSAFETY", "-DCOLLAPSE", "-DVECTORSZ=1024", f"-DMEMLIM={MEMORY_MB}", "-o", "pan", "pan.c"]
    for command in (["spin", "-a", *defines, model.name], compiler):
        status, output = run(command, directory)
        if status != 0 or "error" in output.lower():
            raise RuntimeError(f"{' '.join(command)}\n{output}")


def judge(output, expected):
    """What is wrong with the verifier's output, or None."""
    errors = re.search(r"errors: (\d+)", output)
    if errors is None:
        return "no verdict"
    incomplete = [phrase for phrase in INCOMPLETE if phrase in output]
    if expected == "fails":
        found = re.search(r"assertion violated|invalid end state \(", output)
        return None if int(errors[1]) > 0 and found else "the mutant was not caught"
    if int(errors[1]) > 0:
        return "an error"
    return f"the search is not complete: {incomplete[0]}" if incomplete else None


def main(arguments):
    if len(arguments) < 3 or arguments[2] not in ("holds", "fails") or not all(a.startswith("-D") for a in arguments[3:]):
        print(__doc__, file=sys.stderr)
        return 2
    model, directory, expected, defines = Path(arguments[0]).resolve(), Path(arguments[1]), arguments[2], arguments[3:]
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    try:
        build(model, directory, defines)
    except RuntimeError as reason:
        print(f"run_model: {reason}", file=sys.stderr)
        return 1
    _, output = run(["./pan", f"-m{DEPTH}", "-w24"], directory)
    wrong = judge(output, expected)
    error = re.search(r"pan:1: (.*)", output)
    states = re.search(r"([\d.e+]+) states, stored", output)
    print(f"{model.name} {' '.join(defines)}: {states[1] if states else '?'} states, {error[1] if error else 'no error'}")
    if wrong:
        print(f"run_model: {wrong}\n{output}\nin {directory}", file=sys.stderr)
        return 1
    (directory / "pan").unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
