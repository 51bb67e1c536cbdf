#!/usr/bin/python3
"""Each rule of tools/tidy fires on what it forbids, and stays silent on the nearest thing that it allows."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TIDY = Path(__file__).resolve().parents[1] / "tools" / "tidy" / "tidy.py"
sys.dont_write_bytecode = True
sys.path.insert(0, str(TIDY.parent))
import tidy  # noqa: E402

BODY = "  work();\n"


def lines_of_body(count):
    """A function body whose head, body and closing brace together have `count` lines."""
    return BODY * (count - 2)


class TidyTest(unittest.TestCase):
    def rules(self, path, text):
        with tempfile.TemporaryDirectory() as root:
            file = Path(root, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            findings, count = tidy.check(Path(root))
            self.assertEqual(count, 1)
            return [rule for _, _, rule, _ in findings]

    def assert_fires(self, rule, path, text):
        self.assertEqual(self.rules(path, text), [rule], f"{path}: {text[:200]}")

    def assert_silent(self, path, text):
        self.assertEqual(self.rules(path, text), [], f"{path}: {text[:200]}")

    def test_layering(self):
        for path, target in (("ipc/a.cpp", "fabric/b.hpp"), ("ipc/a.cpp", "tools/evf/b.hpp"),
                             ("fabric/x/a.cpp", "tools/evf/b.hpp"), ("fabric/a.cpp", "tests/b.hpp"),
                             ("bindings/c/a.cpp", "ipc/b.hpp"), ("tools/evf/a.cpp", "tests/b.hpp"),
                             ("fabric/a.cpp", "bench/b.hpp"), ("ipc/a.cpp", "bindings/c/b.h"),
                             ("fabric/x/a.cpp", "fabric/formats/b.hpp"), ("fabric/formats/a.cpp", "fabric/catalog/b.hpp")):
            self.assert_fires("layering", path, f'#include "{target}"\n')
            self.assert_fires("layering", path, f"#include <{target}>\n")
        for path, target in (("ipc/a.cpp", "ipc/b.hpp"), ("fabric/a.cpp", "ipc/b.hpp"), ("fabric/a.cpp", "fabric/b.hpp"),
                             ("bindings/c/a.cpp", "fabric/b.hpp"), ("tools/evf/a.cpp", "fabric/b.hpp"),
                             ("tools/evf/a.cpp", "ipc/b.hpp"), ("tests/ipc/a.cpp", "tools/evf/b.hpp"),
                             ("fabric/catalog/a.cpp", "fabric/formats/b.hpp"), ("fabric/formats/x/a.cpp", "fabric/x/b.hpp"),
                             ("tools/evf/a.cpp", "fabric/catalog/b.hpp")):
            self.assert_silent(path, f'#include "{target}"\n')

    def test_includes_start_at_the_root(self):
        self.assert_fires("layering", "ipc/a.cpp", '#include "b.hpp"\n')
        self.assert_fires("layering", "ipc/a.cpp", '#include "../ipc/b.hpp"\n')
        self.assert_silent("ipc/a.cpp", "#include <sys/mman.h>\n#include <vector>\n")

    def test_dependencies(self):
        self.assert_fires("dependency", "ipc/a.cpp", "#include <fmt/format.h>\n")
        self.assert_fires("dependency", "fabric/a.cpp", "#include <nlohmann/json.hpp>\n")
        self.assert_fires("dependency", "ipc/a.cpp", "#include <concurrentqueue/concurrentqueue.h>\n")
        self.assert_fires("dependency", "fabric/x/a.cpp", "#include <google/protobuf/message.h>\n")
        self.assert_silent("fabric/formats/a.cpp", "#include <google/protobuf/message.h>\n")
        self.assert_fires("dependency", "fabric/formats/a.cpp", "#include <yaml-cpp/yaml.h>\n")
        self.assert_silent("fabric/catalog/a.cpp", "#include <yaml-cpp/yaml.h>\n")
        self.assert_silent("fabric/a.cpp", "#include <concurrentqueue/concurrentqueue.h>\n")
        self.assert_silent("ipc/a.cpp", "#include <boost/interprocess/file_mapping.hpp>\n#include <xxhash.h>\n")
        self.assert_silent("tools/evf/a.cpp", "#include <fmt/format.h>\n")

    def test_long_file(self):
        for path in ("ipc/a.cpp", "tools/a.py", "tests/model/a.pml", "tests/CMakeLists.txt"):
            self.assert_fires("long-file", path, "\n" * 501)
            self.assert_silent(path, "\n" * 500)

    def assert_measures(self, head, tail="}\n"):
        self.assert_fires("long-function", "ipc/a.cpp", f"{head}{lines_of_body(71)}{tail}")
        self.assert_silent("ipc/a.cpp", f"{head}{lines_of_body(70)}{tail}")

    def test_long_function(self):
        self.assert_measures("void f() {\n")
        self.assert_measures("template <class T, class U = A<B>> auto f(T t) -> U {\n")
        self.assert_measures("TEST(Ring, Wraps) {\n")
        self.assert_measures("Ring::Ring(int a) : c_(3), a_{a}, b_{{a}, 2} {\n")
        self.assert_measures("const auto f = [](int a) {\n", "};\n")
        self.assert_measures("struct stat f(int a) {\n")

    def test_long_function_inside_scopes(self):
        self.assert_measures("namespace a::b { template <class T> class alignas(64) C : D<T> { public: int f() const {\n",
                             "}\n};\n}\n")
        self.assert_measures('extern "C" { int f(int) {\n', "}\n}\n")

    def test_long_function_reads_code_only(self):
        self.assert_measures('void f() { auto a = "}"; auto b = \'}\'; /* } */ auto c = R"x(} ")x"; int d = 1\'000; // }\n')

    def test_scopes_and_tables_are_not_functions(self):
        many = "  int a();\n" * 100
        self.assert_silent("ipc/a.hpp", f"#pragma once\nnamespace a {{\nstruct B {{\n{many}}};\n}}\n")
        self.assert_silent("ipc/a.cpp", "constexpr int table[] = {\n" + "  1,\n" * 100 + "};\n")
        self.assert_silent("ipc/a.cpp", ("void f() {\n" + lines_of_body(40) + "}\n") * 5)

    def test_long_python_function(self):
        self.assert_fires("long-function", "tools/a.py", "def f():\n" + "    work()\n" * 70)
        self.assert_silent("tools/a.py", "def f():\n" + "    work()\n" * 69)

    def test_pragma_once(self):
        self.assert_fires("pragma-once", "ipc/a.hpp", "int a();\n")
        self.assert_fires("pragma-once", "ipc/a.hpp", "// #pragma once\n")
        self.assert_silent("ipc/a.hpp", "#pragma once\nint a();\n")

    def test_leftovers(self):
        for mark in ("TO" "DO", "FIX" "ME", "X" "XX", "HA" "CK", "not " "implemented"):
            self.assert_fires("leftover", "ipc/a.cpp", f"// {mark}: later\n")
            self.assert_fires("leftover", "README.md", f"{mark}\n")
            self.assert_fires("leftover", "tools/demo", f"# {mark}\n")
        self.assert_silent("tools/demo", "mktemp /tmp/evf.XX" "XXXX\n")

    def test_skipped_tests(self):
        self.assert_fires("skipped-test", "tests/ipc/a_test.cpp", "GTEST_" "SKIP();\n")
        self.assert_fires("skipped-test", "tests/ipc/a_test.cpp", "TEST(A, DISABLED" "_b) {}\n")

    def test_machine_paths(self):
        for path in ("/wo" "rk/main", "/ro" "ot/x", "/ho" "me/someone/x"):
            self.assert_fires("machine-path", "README.md", f"see {path}\n")
        self.assert_silent("README.md", "see /dev/shm/eventfabric, ${sourceDir}/wo" "rk/a and include/ro" "ot/a\n")

    def test_synonyms(self):
        self.assert_fires("synonym", "ipc/a.cpp", "int seqno = 1;\n")
        self.assert_fires("synonym", "fabric/a.cpp", "class SlowSubscriber;\n")
        self.assert_silent("ipc/a.cpp", "// seqno is what others call it\n")
        self.assert_silent("tools/evf/a.cpp", "int seqno = 1;\n")

    def test_build_trees_are_not_read(self):
        with tempfile.TemporaryDirectory() as root:
            for folder in ("build/dev", ".git", "tests/corpus"):
                Path(root, folder).mkdir(parents=True)
                Path(root, folder, "a.cpp").write_text('#include "b"\n')
            self.assertEqual(tidy.check(Path(root)), ([], 0))

    def test_exit_status(self):
        def status(*arguments):
            return subprocess.run([sys.executable, TIDY, *arguments], capture_output=True, check=False).returncode

        with tempfile.TemporaryDirectory() as root:
            self.assertEqual(status(root), 1, "nothing was read")
            file = Path(root, "a.py")
            file.write_text("a = 1\n")
            self.assertEqual(status(root), 0)
            file.write_text("# TO" "DO\n")
            self.assertEqual(status(root), 1)
        self.assertEqual(status("--unknown"), 2)


if __name__ == "__main__":
    unittest.main()
