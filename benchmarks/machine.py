"""Facts about the machine and what else it was doing; process figures read from /proc."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path


def facts() -> str:
    """Cores, memory, processor and load in one line; never a name or a path of the machine."""
    memory = int(_field(Path("/proc/meminfo"), "MemTotal").split()[0]) / 1024 / 1024
    cpu = _field(Path("/proc/cpuinfo"), "model name") or "unknown processor"
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return f"{os.cpu_count()} cores ({cpu}), {memory:.0f} GiB memory, load {load}"


def busy(seconds: float = 1.0) -> float:
    """Share of all cores that others use, in percent, while this process sleeps."""
    before = _jiffies()
    time.sleep(seconds)
    total, idle = (b - a for a, b in zip(before, _jiffies(), strict=True))
    return 100 * (1 - idle / max(total, 1))


def _jiffies() -> tuple[int, int]:
    values = [int(one) for one in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(values), values[3] + values[4]


def _field(path: Path, name: str) -> str:
    for line in path.read_text().splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return ""


def cpu_of(pids: Iterable[int]) -> float:
    """CPU seconds used by these processes so far, to the nanosecond: each process has a clock of its own."""
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in pids)


class Processes:
    """Some processes, of which any may end meanwhile, as a database's helpers do: what it has used stays counted."""

    def __init__(self, pids: Iterable[int]) -> None:
        self.used = dict.fromkeys(pids, 0.0)

    def cpu(self) -> float:
        """CPU seconds used so far."""
        for pid in self.used:
            with suppress(OSError):
                self.used[pid] = cpu_of([pid])
        return sum(self.used.values())


def family(pid: int) -> list[int]:
    """The process and everything it started."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            children.setdefault(parent_of(int(entry.name)), []).append(int(entry.name))
    return list(_below(pid, children))


def parent_of(pid: int) -> int:
    """The process that started this one; 0 where it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _below(pid: int, children: dict[int, list[int]]) -> Iterator[int]:
    yield pid
    for child in children.get(pid, []):
        yield from _below(child, children)


def memory_of(pids: Iterable[int]) -> float:
    """Proportional share of memory in MB: what these processes would give back if they ended."""
    kilobytes = sum(int(_field(Path(f"/proc/{pid}/smaps_rollup"), "Pss").split()[0]) for pid in pids)
    return kilobytes * 1024 / 1e6


def fresh_peak() -> float:
    """Forgets the highest memory so far and gives back in MB what this process has in RAM now.

    What getrusage calls the peak goes back to before this program: a child begins with its parent's.
    """
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak() -> float:
    """The most memory in MB that this process had in RAM since it was last asked to forget."""
    return int(_field(Path("/proc/self/status"), "VmHWM").split()[0]) * 1024 / 1e6
