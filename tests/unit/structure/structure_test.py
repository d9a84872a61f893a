#!/usr/bin/env python3
"""The house as its READMEs draw it: includes run one way, and a table of files names exactly the files of its folder."""
import collections
import fnmatch
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
    if start is None: return []
    rows = []
    for line in lines[start + 2:]:
        if not line.startswith("|"): break
        rows.append(line)
    return rows


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

    def test_the_tables_of_a_room_of_the_dataplane_name_all_its_files(self):
        for room in DATAPLANE:
            folder = ROOT / "dataplane" / room
            rows = [line for line in (folder / "README.md").read_text().splitlines() if line.startswith("| `")]
            named = {name for line in rows for name in cells(line)}
            there = {path.stem for path in folder.glob("*.[ch]pp")}
            self.assertEqual(there - {re.sub(r"\.[ch]pp$", "", name) for name in named}, set(), f"not in dataplane/{room}/README.md")
            files = {name for name in named if re.fullmatch(r"[a-z0-9_]+\.[ch]pp", name)}
            self.assertEqual(files - {path.name for path in folder.iterdir()}, set(), f"only in dataplane/{room}/README.md")

    def test_a_table_of_files_names_exactly_the_files_of_its_folder(self):
        checked = 0
        for readme in (path for top in PRODUCT for path in (ROOT / top).rglob("README.md")):
            rows = table_below(readme.read_text(), "| file | what |")
            if not rows: continue
            checked += 1
            named = {re.sub(r"\.[ch]pp$", "", name.rstrip("/")) for line in rows for name in cells(line)}
            folder = readme.parent
            there = {path.stem for path in folder.glob("*.[ch]pp")}
            there |= {path.name for path in folder.iterdir() if path.is_dir() and list(path.glob("*.[ch]pp"))}
            named |= {file for file in there for name in named if "*" in name and fnmatch.fnmatch(file, name)}
            named = {name for name in named if "*" not in name}
            self.assertEqual(named, there, f"the table of {readme.relative_to(ROOT)}")
        self.assertGreater(checked, 8)


if __name__ == "__main__":
    unittest.main()
