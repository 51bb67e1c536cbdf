#!/usr/bin/python3
"""Style as a test: prints `path:line: rule: what is wrong` for each finding and exits 1 when there is one.

usage: tidy.py [ROOT]

| rule          | says                                                                                        |
| layering      | ipc <- fabric <- fabric/formats <- fabric/catalog <- tools; bindings <- fabric; bench and     |
|               | tests reach anything; includes start at the root                                            |
| dependency    | ipc and fabric use the standard library, the OS, Boost, xxHash; fabric moodycamel as well;   |
|               | fabric/formats and fabric/catalog what their formats need                                   |
| long-file     | a source file has at most 500 lines                                                         |
| long-function | a function has at most 70 lines (C++ by matching braces, Python by its syntax tree)          |
| pragma-once   | a header starts with #pragma once                                                           |
| leftover      | no mark that says that something is unfinished                                              |
| skipped-test  | no test is switched off                                                                     |
| machine-path  | no path that exists on one machine only                                                     |
| synonym       | one word for one idea, in code                                                              |
"""

import ast
import os
import re
import sys
from pathlib import Path

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 70
CPP = {".cpp", ".hpp", ".h", ".cc"}
SOURCE = CPP | {".py", ".sh", ".cmake", ".pml"}
TEXT = SOURCE | {".md", ".json", ".yaml", ".yml", ".txt", ".in", ""}
SKIPPED_DIRS = {"build", "third_party", "__pycache__", "golden", "corpus"}

ROOMS = ("ipc", "fabric", "fabric/formats", "fabric/catalog", "bindings", "tools", "bench", "tests")
EVENTS = {"ipc", "fabric", "fabric/formats", "fabric/catalog"}
MAY_INCLUDE = {
    "ipc": {"ipc"},
    "fabric": {"ipc", "fabric"},
    "fabric/formats": {"ipc", "fabric", "fabric/formats"},
    "fabric/catalog": EVENTS,
    "bindings": {"fabric", "bindings"},
    "tools": EVENTS | {"bindings", "tools"},
    "bench": set(ROOMS),
    "tests": set(ROOMS),
}
# What belongs to tools, tests and optional targets only.
FORMATS = {"valijson", "re2", "flatbuffers", "google", "yaml-cpp"}
HEAVY = {"CLI", "fmt", "nlohmann", "gtest", "gmock", "benchmark", "rapidcheck", "curses.h", "ncurses.h"}
FORBIDDEN_LIBRARIES = {
    "ipc": HEAVY | FORMATS | {"concurrentqueue", "moodycamel"},
    "fabric": HEAVY | FORMATS,
    "fabric/formats": HEAVY | {"yaml-cpp"},
    "fabric/catalog": HEAVY,
}

# Written in pieces, so that this file and its test do not contain what they forbid.
LEFTOVER = re.compile(r"\b(" + "|".join(("TO" "DO", "FIX" "ME", "X" "XX", "HA" "CK")) + r")\b|\bnot " r"implemented\b")
SKIPPED_TEST = re.compile("GTEST_" "SKIP|DISABLED" "_|unittest\\." "skip")
MACHINE_PATH = re.compile(r"(?<![\w.})])/(?:work|root|home/\w+)/")
SYNONYMS = {
    "acknowledge": "ack",
    "backpressure": "back_pressure",
    "seqno": "sequence",
    "seqnum": "sequence",
    "subscriber": "reader or consumer",
    "retransmit": "redelivery",
}
SYNONYM = re.compile(r"(?:" + "|".join(SYNONYMS) + r")", re.IGNORECASE)

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
CPP_NOISE = re.compile(
    r'R"(?P<tag>[^()\s\\]*)\(.*?\)(?P=tag)"'  # raw string
    r'|//[^\n]*|/\*.*?\*/'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-zA-Z_])'(?:\\.|[^'\\\n])+'",  # not a digit separator
    re.DOTALL,
)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
SCOPE = re.compile(r"^(?:inline\s+|export\s+|typedef\s+|extern\s*)*(?:namespace|class|struct|union|enum|extern)\b[^(]*$")
DECORATION = re.compile(r"\[\[.*?\]\]|\balignas\s*\([^()]*(?:\([^()]*\)[^()]*)*\)|\b(?:public|private|protected)\s*:",
                        re.DOTALL)


def blank(match):
    """Spaces of the same shape, so that line numbers stay."""
    return re.sub(r"[^\n]", " ", match.group(0))


def cpp_code(text):
    """The text without comments, literals and preprocessor lines."""
    return DIRECTIVE.sub(blank, CPP_NOISE.sub(blank, text))


def without_template(head):
    """A declaration's head without its leading template<...> lists."""
    while True:
        start = re.match(r"\s*template\s*<", head)
        if not start:
            return head.strip()
        depth, at = 1, start.end()
        while at < len(head) and depth:
            depth += {"<": 1, ">": -1}.get(head[at], 0)
            at += 1
        head = head[at:]


def cpp_functions(text):
    """(first line, last line) of each outermost function body, head included. A heuristic: it only matches braces."""
    code = cpp_code(text)
    head_start = 0
    inside = []  # of each open brace outside of functions: whether it is a scope
    at = 0
    while at < len(code):
        char = code[at]
        if char == "{":
            head = without_template(DECORATION.sub(" ", code[head_start:at]))
            if SCOPE.match(head):
                inside.append(True)
                head_start = at + 1
            else:
                end = closing_brace(code, at)
                following = re.compile(r"\s*(.?)", re.DOTALL).match(code, end + 1).group(1)
                if following not in {",", "{"}:  # else: a member initialiser, the body is to come
                    if "(" in head:
                        first = head_start + len(code[head_start:at]) - len(code[head_start:at].lstrip())
                        yield code.count("\n", 0, first) + 1, code.count("\n", 0, end) + 1
                    head_start = end + 1
                at = end
        elif char == "}":
            if inside:
                inside.pop()
            head_start = at + 1
        elif char == ";":
            head_start = at + 1
        at += 1


def closing_brace(code, at):
    depth = 0
    for index in range(at, len(code)):
        depth += {"{": 1, "}": -1}.get(code[index], 0)
        if depth == 0:
            return index
    return len(code) - 1


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.end_lineno


def room_of(path):
    """The longest room that holds the path."""
    parts = str(path).split("/")
    two = "/".join(parts[:2])
    return two if two in ROOMS and len(parts) > 2 else parts[0]


def check_includes(room, text):
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quote, path = match.groups()
        target = path.split("/")[0]
        if "/" in path and target in ROOMS:
            if room_of(path) not in MAY_INCLUDE[room]:
                yield number, "layering", f"{room} includes {path}"
        elif quote == '"':
            yield number, "layering", f'"{path}" does not start at the root of the tree'
        elif target in FORBIDDEN_LIBRARIES.get(room, ()):
            yield number, "dependency", f"{room} includes <{path}>"


def check_patterns(text):
    for number, line in enumerate(text.splitlines(), 1):
        for rule, pattern in (("leftover", LEFTOVER), ("skipped-test", SKIPPED_TEST), ("machine-path", MACHINE_PATH)):
            match = pattern.search(line)
            if match:
                yield number, rule, match.group(0).strip()


def check_synonyms(text):
    for number, line in enumerate(cpp_code(text).splitlines(), 1):
        for match in SYNONYM.finditer(line):
            yield number, "synonym", f"{match.group(0)}: say {SYNONYMS[match.group(0).lower()]}"


def check_sizes(suffix, text):
    lines = text.count("\n")
    if lines > MAX_FILE_LINES:
        yield lines, "long-file", f"{lines} lines, at most {MAX_FILE_LINES}"
    functions = cpp_functions(text) if suffix in CPP else python_functions(text) if suffix == ".py" else ()
    for first, last in functions:
        if last - first + 1 > MAX_FUNCTION_LINES:
            yield first, "long-function", f"{last - first + 1} lines, at most {MAX_FUNCTION_LINES}"


def check_file(path, text):
    """Findings (line, rule, message) of one file; `path` is relative to the root."""
    room = room_of(path)
    yield from check_patterns(text)
    if path.suffix in SOURCE or path.name == "CMakeLists.txt":
        yield from check_sizes(path.suffix, text)
    if path.suffix in CPP and room in MAY_INCLUDE:
        yield from check_includes(room, text)
        if room in EVENTS | {"bindings"}:
            yield from check_synonyms(text)
    if path.suffix == ".hpp" and not re.search(r"^#pragma once$", text, re.MULTILINE):
        yield 1, "pragma-once", "a header without #pragma once"


def files(root):
    for directory, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIPPED_DIRS and (not f.startswith(".") or f == ".ci"))
        for name in sorted(names):
            path = Path(directory, name)
            if path.suffix in TEXT and not name.startswith(".") and not path.is_symlink():
                yield path.relative_to(root)


def check(root):
    """All findings under root as (path, line, rule, message), and the number of files read."""
    findings, count = [], 0
    for path in files(root):
        try:
            text = (root / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # not text
        count += 1
        findings += [(path, *finding) for finding in check_file(path, text)]
    return findings, count


def main(arguments):
    if len(arguments) > 1 or any(a.startswith("-") for a in arguments):
        print(__doc__, file=sys.stderr)
        return 2
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parents[2]
    findings, count = check(root)
    for path, line, rule, message in findings:
        print(f"{path}:{line}: {rule}: {message}")
    print(f"tidy: {count} files, {len(findings)} findings")
    return 1 if findings or not count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
