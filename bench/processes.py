# SPDX-License-Identifier: Apache-2.0
"""The processes of a run, as the system knows them."""
import pathlib


def children(parent, word):
    """Pids of the processes of a run whose command is `word`."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if int(stat.rsplit(")", 1)[1].split()[1]) == parent and len(words) > 1 and words[1] == word.encode():
            found.append(int(entry.name))
    return sorted(found)
