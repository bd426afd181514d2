"""The benchmarks' own arithmetic; the figures themselves are `make bench`'s."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from benchmarks import __main__ as entry
from benchmarks import machine
from benchmarks.harness import (
    Burst,
    Contender,
    Row,
    at_least,
    at_most,
    interleave,
    known,
    middle,
    percentile,
    ratio,
    table,
)


def test_rounds_take_turns_and_the_first_does_not_count() -> None:
    order: list[str] = []

    def one(name: str) -> Contender:
        ticks = count()
        return Contender(lambda ready: order.append(name + ready) or 2, lambda: float(next(ticks)), lambda: "!")

    taken = interleave(2, {"ours": one("a"), "floor": one("b")})
    assert order == ["a!", "b!"] * 3
    assert len(taken["ours"]) == len(taken["floor"]) == 2
    assert taken["ours"][0].cpu == pytest.approx(0.5e6)


def test_a_ratio_is_the_median_of_the_rounds_ratios_not_the_ratio_of_medians() -> None:
    ours = [Burst(0, 10), Burst(0, 40), Burst(0, 90)]
    floor = [Burst(0, 10), Burst(0, 10), Burst(0, 30)]
    assert ratio({"ours": ours, "floor": floor}, "ours", "floor") == 3
    assert middle(ours) == 40


def test_percentiles_of_few_values_are_the_next_one_up() -> None:
    assert percentile([3, 1, 2], 0.95) == 3
    assert percentile(range(100), 0.95) == 95


def test_rows_say_whether_they_hold() -> None:
    rows = [
        at_most("a", 2.0, 2, " ×"),
        at_most("b", 2.1, 2, " ×"),
        at_least("c", 0.1, 0.2, ""),
        known("d", 1234, " ms"),
    ]
    assert [row.holds for row in rows] == [True, False, False, None]
    text = table(rows)
    assert "| a | 2 × | ≤ 2 × | holds |" in text
    assert "| b | 2.1 × | ≤ 2 × | **over** |" in text
    assert "| d | 1,234 ms |  |  |" in text


def test_all_some_or_none_can_be_asked_for() -> None:
    assert entry.asked_for([]).names == []
    assert entry.asked_for(["push", "--full"]).full
    with pytest.raises(SystemExit):
        entry.asked_for(["nonsense"])


@pytest.mark.parametrize("name", entry.NAMES)
def test_every_benchmark_has_its_one_function(name: str) -> None:
    assert callable(importlib.import_module(f"benchmarks.{name}").run)


def test_one_that_breaks_does_not_hold_and_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(full: bool) -> list[Row]:
        raise RuntimeError("no browser")

    monkeypatch.setattr("benchmarks.weight.run", broken)
    (row,) = entry.run_one("weight", False)
    assert row.holds is False
    assert "RuntimeError" in row.measured


def test_results_replace_those_between_the_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    doc = tmp_path / "performance.md"
    doc.write_text(f"before\n{entry.BEGIN}\nold\n{entry.END}\nafter\n")
    monkeypatch.setattr(entry, "DOC", doc)
    entry.write([Row("bytes", "1 KB")], "2026-11-23")
    text = doc.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "| bytes | 1 KB |" in text
    assert "old" not in text


def test_the_document_has_its_marks_and_names_every_benchmark() -> None:
    text = entry.DOC.read_text()
    assert text.count(entry.BEGIN) == text.count(entry.END) == 1
    for name in entry.NAMES:
        assert f"`{name}`" in text


def test_facts_of_the_machine_name_no_place() -> None:
    facts = machine.facts()
    assert "cores" in facts
    assert "/" not in facts
    assert machine.cpu_of([os.getpid()]) > 0
    assert os.getpid() in machine.family(os.getppid())


def test_what_a_process_has_used_stays_counted_when_it_ends() -> None:
    work = "sum(range(10**6)); print('done', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", work], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        some = machine.Processes([process.pid])
        before = some.cpu()
    assert before > 0
    assert some.cpu() == before
