#!/usr/bin/env python3
"""The house as its READMEs draw it: includes run one way between the rooms of the dataplane, and the README of a room names every
file in it and none that is not there.

  rooms_test.py SOURCE_ROOT"""
import pathlib
import re
import sys
import unittest

root = pathlib.Path(sys.argv.pop())

# What each room of the dataplane may include, besides itself and config/base.
ROOMS = {
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

INCLUDE = re.compile(r'^#include "([^"]+)/[^/"]+"', re.MULTILINE)
# `name`, `name.hpp`, `name.cpp`, or `name_{a,b}` for several
NAME = re.compile(r"`([a-z0-9_]+)(?:\{([a-z0-9_,]+)\})?(?:\.(?:hpp|cpp))?`")


def names_in(text):
    return {stem + ending for stem, endings in NAME.findall(text) for ending in endings.split(",")}


def sources(folder):
    return sorted(path for path in folder.iterdir() if path.suffix in (".hpp", ".cpp"))


class Rooms(unittest.TestCase):
    def test_every_room_of_the_dataplane_is_in_the_picture(self):
        folders = {path.name for path in (root / "dataplane").iterdir() if path.is_dir() and path.name != "decisions"}
        self.assertEqual(folders, set(ROOMS))
        picture = (root / "dataplane/README.md").read_text()
        for room in ROOMS:
            self.assertIn(f"| `{room}/` |", picture)

    def test_the_table_of_rooms_has_no_cycle(self):
        reached = {room: set(others) & set(ROOMS) for room, others in ROOMS.items()}
        for _ in ROOMS:
            for room, others in reached.items():
                others |= set().union(*(reached[other] for other in others))
        for room, others in reached.items():
            self.assertNotIn(room, others)

    def test_includes_run_one_way(self):
        for room, allowed in ROOMS.items():
            permitted = {"config/base", f"dataplane/{room}"}
            permitted |= {other if other == "config" else f"dataplane/{other}" for other in allowed}
            for path in sources(root / "dataplane" / room):
                for folder in INCLUDE.findall(path.read_text()):
                    self.assertIn(folder, permitted, f"included by {path.relative_to(root)}")

    def test_each_readme_names_the_files_of_its_room(self):
        for room in ROOMS:
            readme = (root / "dataplane" / room / "README.md").read_text()
            rows = [line.split("|")[1] for line in readme.splitlines() if line.startswith("| `")]
            named = {name for row in rows for name in names_in(row)}
            stems = {path.stem for path in sources(root / "dataplane" / room)}
            self.assertEqual(stems - named, set(), f"not in dataplane/{room}/README.md")
            files = {name for row in rows for name in re.findall(r"`([a-z0-9_]+\.(?:hpp|cpp))`", row)}
            present = {path.name for path in sources(root / "dataplane" / room)}
            self.assertEqual(files - present, set(), f"in dataplane/{room}/README.md, and not there")


if __name__ == "__main__":
    unittest.main(verbosity=2)
