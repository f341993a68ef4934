#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of tools/check_layout: a small tree that is fine, and one mistake at a time.

usage: check_layout_test.py PATH_OF_CHECK_LAYOUT
"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK = sys.argv.pop(1)
SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
FINE = {
    "README.md": "| Folder | What |\n|---|---|\n| `common/` | Words. |\n| `ps/` | Rows. |\n"
    "| `tests/` | Tests. |\n",
    "common/id.h": SPDX + "#pragma once\nstruct Id {};\n",
    "ps/CMakeLists.txt": "row.cc\n",
    "ps/row.h": SPDX + '#pragma once\n#include "common/id.h"\n',
    "ps/row.cc": SPDX + '#include "ps/row.h"\nint Row(int a) {\n  return a;\n}\n',
    "tests/ps/CMakeLists.txt": "row_test.cc\n",
    "tests/ps/row_test.cc": SPDX + '#include "ps/row.h"\n',
}


def findings(changes):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in {**FINE, **changes}.items():
            if text is None:
                continue
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        done = subprocess.run([CHECK, folder], capture_output=True, text=True, check=False)
        assert (done.returncode != 0) == bool(done.stdout), done
        return done.stdout


def row(code):
    return {"ps/row.cc": SPDX + '#include "ps/row.h"\n' + code}


class CheckLayoutTest(unittest.TestCase):
    def expect(self, changes, *parts):
        found = findings(changes)
        self.assertEqual(found.count("\n"), 1, found)
        for part in parts:
            self.assertIn(part, found)

    def test_a_tree_in_order_has_no_findings(self):
        self.assertEqual(findings({}), "")

    def test_include_against_the_table(self):
        self.expect(row('#include "worker/calls.h"\n'), "ps/row.cc:3", "worker/calls.h")

    def test_the_one_door_of_ps_into_env(self):
        self.assertEqual(findings(row('#include "env/row_store.h"\n')), "")
        self.expect(row('#include "env/clock.h"\n'), "env/clock.h")

    def test_third_party_header_away_from_home(self):
        self.expect(row("#include <rocksdb/db.h>\n"), "<rocksdb/db.h>")

    def test_banned_call_but_not_in_text_or_comment(self):
        self.expect(row("int Now() { return rand(); }\n"), "rand(", "Rng")
        self.assertEqual(findings(row('// rand()\nconst char* k = "rand()";\n')), "")

    def test_long_function(self):
        self.expect(row("int Long(int a) {\n" + "  ++a;\n" * 70 + "  return a;\n}\n"), "ps/row.cc:3", "73 lines")

    def test_long_function_behind_braces_and_text(self):
        code = 'int F(int a) {\n  if (a) {\n    g("{");\n  }\n' + "  ++a;\n" * 70 + "  return a;\n}\n"
        self.expect(row(code), "a function of")

    def test_long_file(self):
        self.expect(row("int a;\n" * 600), "602 lines")

    def test_missing_licence_line(self):
        self.expect({"common/id.h": "#pragma once\n"}, "common/id.h", "SPDX")

    def test_unfinished_work(self):
        self.expect(row("// TODO: finish\n"), "unfinished")

    def test_document_that_names_a_test_that_is_not_there(self):
        test = {"tests/ps/row_test.cc": FINE["tests/ps/row_test.cc"] + "TEST_F(RowTest, Grows) {\n}\n",
                "README.md": FINE["README.md"] + "| `docs/` | Docs. |\n"}
        self.assertEqual(findings({**test, "docs/a.md": "Held by `RowTest.Grows`, `RowTest.*`.\n"}), "")
        self.expect({**test, "docs/a.md": "Held by\n`RowTest.Shrinks`.\n"}, "docs/a.md:2", "RowTest.Shrinks")
        self.expect({**test, "docs/a.md": "Held by `LineTest.*`.\n"}, "docs/a.md:1", "LineTest.*")

    def test_rule_that_the_protocol_does_not_have(self):
        rules = {"docs/protocol.md": "- L3. Only then.\n", "README.md": FINE["README.md"] + "| `docs/` | Docs. |\n"}
        self.assertEqual(findings({**row("int a;  // Only then (L3).\n"), **rules}), "")
        self.expect({**row("int a;  // Only then (L4).\n"), **rules}, "ps/row.cc:3", "L4")

    def test_source_in_no_list(self):
        self.expect({"ps/CMakeLists.txt": "other.cc\n"}, "ps/row.cc", "CMakeLists.txt")

    def test_header_without_a_reader_and_without_a_test(self):
        self.expect({"common/dead.h": SPDX + "#pragma once\n"}, "common/dead.h", "nobody")
        self.expect(
            {"tests/ps/row_test.cc": SPDX + '#include "common/id.h"\n'}, "ps/row.h", "no test")

    def test_folders_of_the_readme(self):
        self.expect({"proto/a.proto": "x"}, "README.md", "lacks proto/")
        self.expect({"README.md": FINE["README.md"] + "| `gone/` | Gone. |\n"}, "names gone/")


if __name__ == "__main__":
    unittest.main()
