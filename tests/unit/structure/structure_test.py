#!/usr/bin/env python3
"""The house as its READMEs draw it: includes run one way, and each folder of sources has a table that names exactly its files."""
import collections
import itertools
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[3]
PRODUCT = ("config", "policy", "dataplane", "controlplane", "tools")
SOURCES = [path for top in PRODUCT for path in (ROOT / top).rglob("*.[ch]pp")]


def room_of(path):
    """A folder with what lies below it, two levels at most: config/toml is a part of config, dataplane/abi a room."""
    parts = pathlib.PurePath(path).parts[:-1]
    return "/".join(parts[:2]) if parts[0] in ("dataplane", "controlplane") else parts[0]


def arrows():
    """room -> room -> one include that makes the arrow"""
    found = collections.defaultdict(dict)
    for path in SOURCES:
        name = path.relative_to(ROOT).as_posix()
        for line, text in enumerate(path.read_text().splitlines(), 1):
            include = re.match(r'#include "([^"]+)"', text)
            if include and "/" in include[1] and room_of(name) != room_of(include[1]):
                found[room_of(name)].setdefault(room_of(include[1]), f"{name}:{line} includes {include[1]}")
    return found


def cells(line):
    """The names between backquotes in the first cell of a row; a_{b,c} stands for a_b and a_c."""
    for quoted in re.findall(r"`([^`]+)`", line.split("|")[1]):
        braces = re.match(r"(.*)\{([^}]*)\}(.*)", quoted)
        yield from (braces[1] + part + braces[3] for part in braces[2].split(",")) if braces else [quoted]


def table_below(text, header):
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith(header)), None)
    return [] if start is None else rows_below(lines, start)


def rows_below(lines, header):
    return list(itertools.takewhile(lambda line: line.startswith("|"), lines[header + 2:]))


def names_in_tables(readme):
    """What all tables of files name, and those of rooms; further columns may follow the first two."""
    lines = readme.read_text().splitlines()
    headers = [i for i, line in enumerate(lines) if re.match(r"\| (file|room) \| what \|", line)]
    return [name for header in headers for row in rows_below(lines, header) for name in cells(row)]


def stands_for(name, folder):
    """`a` stands for a.hpp, a.cpp or both, `a.hpp` for that file alone, `a/` for a folder, * for any characters."""
    if name.endswith("/"): return {f"{path.name}/" for path in folder.glob(name[:-1]) if path.is_dir()}
    return {path.name for path in folder.glob(name if "." in name else f"{name}.[ch]pp") if path.is_file()}


# What each room of the dataplane may include, besides itself and config/base.
DATAPLANE = {
    "abi": [],
    "packet": [],
    "crypto": [],
    "forwarding": ["abi", "packet"],
    "session": ["abi", "crypto", "packet"],
    "io": ["config", "abi", "forwarding", "packet"],
    "pipeline": ["config", "abi", "forwarding", "io", "packet", "session"],
    "stages": ["config", "abi", "crypto", "forwarding", "io", "packet", "pipeline", "session"],
    "worker": ["abi", "pipeline", "stages"],
    "housekeeping": ["config", "abi", "crypto", "forwarding", "io", "packet", "pipeline", "session"],
}

def functions(lines):
    """(first line, lines) of whatever begins in the first column and ends with a brace there: functions, as
    clang-format puts them. Not types, namespaces and tables, which end with "};"."""
    start = None
    for number, line in enumerate(lines, 1):
        if start is None and line and line[0] not in " }#/" and not re.match(r"(namespace|using|class|struct|enum|static_assert)\b", line):
            start = number
        if start is None: continue
        if line == "}": yield start, number - start + 1
        if line == "}" or line.startswith("};") or (line.endswith(";") and line[0] not in " }"): start = None


class Structure(unittest.TestCase):
    def test_includes_make_no_cycle(self):
        graph, problems = arrows(), []

        def walk(room, way):
            for after in graph.get(room, {}):
                if after in way:
                    cycle = way[way.index(after):]
                    problems.append(" ".join(graph[a][b] for a, b in zip(cycle, cycle[1:] + cycle[:1])))
                elif after not in seen:
                    walk(after, way + [after])
            seen.add(room)

        seen = set()
        for room in list(graph): walk(room, [room])
        self.assertEqual(problems, [])

    def test_includes_run_down_the_rooms_of_the_control_plane(self):
        rows = table_below((ROOT / "controlplane/README.md").read_text(), "| room |")
        self.assertTrue(rows, "controlplane/README.md has its table of rooms")
        level = {name.rstrip("/"): row for row, line in enumerate(rows) for name in cells(line)}
        folder = ROOT / "controlplane"
        here = {path.name for path in folder.iterdir() if path.is_dir() and path.name != "decisions"}
        here |= {path.stem for path in folder.glob("*.[ch]pp")}
        self.assertEqual(set(level), here)
        for path in folder.rglob("*.[ch]pp"):
            name = path.relative_to(folder)
            for include in re.findall(r'^#include "controlplane/([^"]+)"', path.read_text(), re.M):
                below = pathlib.PurePath(include)
                of = lambda path: path.parts[0] if len(path.parts) > 1 else path.stem
                self.assertLessEqual(level[of(name)], level[of(below)], f"controlplane/{name} includes {include}")

    def test_includes_run_one_way_between_the_rooms_of_the_dataplane(self):
        folder = ROOT / "dataplane"
        self.assertEqual({path.name for path in folder.iterdir() if path.is_dir() and path.name != "decisions"}, set(DATAPLANE))
        picture = (folder / "README.md").read_text()
        for room, allowed in DATAPLANE.items():
            self.assertIn(f"| `{room}/` |", picture)
            permitted = {"config/base", f"dataplane/{room}"}
            permitted |= {other if other == "config" else f"dataplane/{other}" for other in allowed}
            for path in (folder / room).glob("*.[ch]pp"):
                for include in re.findall(r'^#include "([^"]+)/[^/"]+"', path.read_text(), re.M):
                    self.assertIn(include, permitted, f"included by {path.relative_to(ROOT)}")

    def test_a_folder_of_sources_has_a_table_that_names_all_its_files(self):
        folders = {path.parent for path in SOURCES}
        for folder in sorted(folders):
            with self.subTest(folder=folder.relative_to(ROOT).as_posix()):
                readme = folder / "README.md"
                self.assertTrue(readme.exists(), "it has a README.md")
                there = {path.name for path in folder.glob("*.[ch]pp")}
                there |= {f"{below.name}/" for below in folder.iterdir() if any(below in [path, *path.parents] for path in folders)}
                named = set().union(*(stands_for(name, folder) for name in names_in_tables(readme)))
                self.assertEqual(sorted(there - named), [], "no table of its README.md names these")

    def test_a_table_of_files_names_nothing_that_is_not_there(self):
        checked = 0
        for readme in (path for top in (*PRODUCT, "tests", "perf") for path in (ROOT / top).rglob("README.md")):
            for name in names_in_tables(readme):
                checked += 1
                self.assertTrue(stands_for(name, readme.parent), f"`{name}` of {readme.relative_to(ROOT)} is not there")
        self.assertGreater(checked, 500)

    def test_the_packet_path_names_a_protocol_only_in_files_called_so(self):
        """What all tunnels share says nothing of one of them: a second protocol finds its place beside the first."""
        read = 0
        for room in ("forwarding", "stages", "housekeeping"):
            for path in (ROOT / "dataplane" / room).glob("*.[ch]pp"):
                read += 1
                if "wireguard" not in path.stem: self.assertNotIn("WireGuard", path.read_text(), path.relative_to(ROOT))
        self.assertGreater(read, 100)

    def test_a_file_and_a_function_fit_what_a_reader_holds(self):
        """At most 350 lines a file, 60 a function; a table may be as long as it is."""
        longest_file, longest_function, seen = 350, 60, 0
        for path in [*SOURCES, *(ROOT / "perf").glob("*.[ch]pp")]:
            lines = path.read_text().splitlines()
            self.assertLessEqual(len(lines), longest_file, path.relative_to(ROOT))
            for start, length in functions(lines):
                seen += 1
                self.assertLessEqual(length, longest_function, f"{path.relative_to(ROOT)}:{start}")
        self.assertGreater(seen, 1000)


if __name__ == "__main__":
    unittest.main()
