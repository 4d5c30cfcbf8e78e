"""The CPU time and the memory of a server's processes, from /proc."""

import os
import time
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")  # In a second.


def stat(pid: int) -> list[str]:
    """Return the fields of a process that follow its name: its state, its parent and so on."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def tree(pid: int) -> list[int]:
    """Return the process and all its descendants."""
    children: dict[int, list[int]] = {}
    for folder in PROC.glob("[0-9]*"):
        with suppress(OSError):  # Others end at any time.
            children.setdefault(int(stat(int(folder.name))[1]), []).append(int(folder.name))
    found = [pid]
    for parent in found:  # It grows meanwhile.
        found += children.get(parent, [])
    return found


def threads(pid: int) -> int:
    return len(list((PROC / str(pid) / "task").iterdir()))


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of the tree so far, in user mode and in the kernel."""
    ticks = 0
    for process in tree(pid):
        with suppress(OSError):
            ticks += sum(int(field) for field in stat(process)[11:13])
    return ticks / TICKS


def idle_cpu_seconds(pid: int) -> float:
    """Wait until the tree has nothing to do, for 30 seconds at most, and return what it used."""
    used = cpu_seconds(pid)
    for _ in range(150):
        time.sleep(0.2)
        before, used = used, cpu_seconds(pid)
        if used - before < 0.02:
            break
    return used


def memory(pid: int) -> float:
    """Return the tree's proportional set size in MB: a page that is shared counts once."""
    kilobytes = 0
    for process in tree(pid):
        with suppress(OSError):
            lines = (PROC / str(process) / "smaps_rollup").read_text().splitlines()
            kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes / 1024
