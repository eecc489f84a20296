"""`make bench`: run the benchmarks, print a table, keep bench/results.json.

One embedded server for all, with the settings it always has. A benchmark is a module with
`run(server, options) -> list[Figure]`; its name stands in `BENCHMARKS`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench import boards, capacity, forecast, late, live, rebuild, refresh, size, writing
from bench.figure import as_json, machine, table
from db.embedded import start

BENCHMARKS = {
    "rebuild": rebuild.run,
    "live": live.run,
    "late": late.run,
    "writing": writing.run,
    "size": size.run,
    "refresh": refresh.run,
    "capacity": capacity.run,
    "forecast": forecast.run,
    "boards": boards.run,
}
RESULTS = Path(__file__).with_name("results.json")


def main() -> None:
    """Run what was asked for; what was not keeps its old results."""
    options = _options()
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    with tempfile.TemporaryDirectory(prefix="taktboard-bench-") as directory:
        server = start(Path(directory) / "database")
        try:
            for name in options.names or BENCHMARKS:
                on = machine()
                figures = BENCHMARKS[name](server, options)
                results[name] = {"machine": on, "figures": as_json(figures)}
                print(table(figures), end="\n\n", flush=True)
                _keep(results)
        finally:
            server.stop()


def _keep(results: Mapping[str, object]) -> None:
    """After each: one that fails takes nothing from those before it."""
    RESULTS.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="What it measures today.")
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        type=_name,
        help=f"of {', '.join(BENCHMARKS)}; all, if none is named",
    )
    parser.add_argument("--pairs", type=int, default=3, help="runs the median is taken of (3)")
    parser.add_argument("--seconds", type=float, default=30.0, help="of a live run (30)")
    parser.add_argument("--full", action="store_true", help="the whole month, once (an hour)")
    return parser.parse_args()


def _name(text: str) -> str:
    if text not in BENCHMARKS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(BENCHMARKS)}")
    return text


if __name__ == "__main__":
    main()
