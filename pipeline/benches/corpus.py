#!/usr/bin/env python3
"""Measure the corpus pipeline on a folder of Markdown statutes, beside a floor and a peer. Linux only.

usage: corpus.py PIPELINE_BINARY STATUTES_DIR [--peer]

  same job   read, clean, filter, near-copies, zstd parquet: what the peer does (no instruction records)
  full       the defaults
  floor      zstd level 3 of the same text in 1 MiB blocks and its SHA-256, on one core (needs the zstd program)
  --peer     datatrove on the same text, one run, in the environment of the interpreter PEER_PYTHON;
             see peer_datatrove.py

CPU seconds are user + system of every process a command starts. MB are 10^6 bytes of input text.
"""

import argparse
import ctypes
import datetime
import hashlib
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

RUNS = 5
BLOCK = 1 << 20
PEER = pathlib.Path(__file__).with_name("peer_datatrove.py")
NO_RECORDS = "[instruct]\nrecitation_fraction = 0.0\nlookup_fraction = 0.0\nstatute_question_fraction = 0.0\n"


class Cost(NamedTuple):
    cpu: float
    wall: float = 0.0
    rss: float = 0.0  # MB, of the largest process


def adopt_orphans() -> None:
    """Become the parent of what a child leaves behind, such as Python's fork server, so that wait4 sees its CPU."""
    pr_set_child_subreaper = 36
    if ctypes.CDLL(None, use_errno=True).prctl(pr_set_child_subreaper, 1, 0, 0, 0) != 0:
        sys.exit("cannot become a subreaper")


def measure(command: list, log: pathlib.Path) -> tuple[Cost, str]:
    """Run a command to its end; its cost, and what it printed."""
    out = log.with_suffix(".out")
    with out.open("wb") as stdout, log.open("wb") as stderr:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
        cpu, rss, wall = 0.0, 0.0, 0.0
        while True:
            try:
                pid, status, usage = os.wait4(-1, 0)
            except ChildProcessError:
                break
            cpu += usage.ru_utime + usage.ru_stime
            rss = max(rss, usage.ru_maxrss * 1024 / 1e6)
            if pid == process.pid:
                wall = time.perf_counter() - start
                process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command[0]} failed with {process.returncode}:\n{log.read_text(errors='replace')[-4000:]}")
    return Cost(cpu, wall, rss), out.read_text(errors="replace")


def run_ours(binary: pathlib.Path, statutes: pathlib.Path, settings: str, work: pathlib.Path) -> tuple[Cost, dict]:
    work.mkdir()
    quote = json.dumps  # a JSON string is a TOML string
    folders = "".join(f"{name} = {quote(str(work / name))}\n" for name in ("shards", "report", "work"))
    source = f'[[sources]]\npath = {quote(str(statutes))}\nkind = "statute"\n'
    config = work / "corpus.toml"
    config.write_text(f"[output]\n{folders}\n{source}\n{settings}", encoding="utf-8")
    cost, _ = measure([binary, "build", config], work / "log")
    (counts,) = json.loads((work / "shards/index.json").read_text(encoding="utf-8"))["counts"]
    return cost, counts


def run_floor(text: bytes, work: pathlib.Path) -> Cost:
    """Compress and hash, in memory: what a pipeline that writes compressed, hashed shards cannot go below."""
    work.mkdir()
    (work / "text").write_bytes(text)
    _, printed = measure(["zstd", "-q", "-b3", "-i1", "-B1MB", work / "text"], work / "log")
    compress, _decompress = re.findall(r"([\d.]+) MB/s", printed)  # of its best loop
    start = time.process_time()
    digest = hashlib.sha256()
    for at in range(0, len(text), BLOCK):
        digest.update(text[at : at + BLOCK])
    return Cost(len(text) / 1e6 / float(compress) + time.process_time() - start)


def run_peer(python: str, texts: dict[str, str], work: pathlib.Path) -> tuple[Cost, str, int]:
    (work / "in").mkdir(parents=True)
    shards = [(work / f"in/{i}.jsonl").open("w", encoding="utf-8") for i in range(2)]  # one a worker
    for i, (name, text) in enumerate(texts.items()):
        shards[i % 2].write(json.dumps({"id": name, "text": text}, ensure_ascii=False) + "\n")
    for shard in shards:
        shard.close()
    cost, printed = measure([python, PEER, work / "in", work / "out"], work / "log")
    version, kept = printed.split()[-2:]
    return cost, version, int(kept)


def machine() -> str:
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} cores, {model}"


def cells(costs: list[Cost], field: str, digits: int) -> str:
    values = [getattr(cost, field) for cost in costs]
    if not any(values):
        return ""
    both = f"{min(values):.{digits}f} / {statistics.median(values):.{digits}f}"
    return both if len(values) > 1 else f"{values[0]:.{digits}f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", metavar="PIPELINE_BINARY", type=pathlib.Path)
    parser.add_argument("statutes", metavar="STATUTES_DIR", type=pathlib.Path)
    parser.add_argument("--peer", action="store_true")
    args = parser.parse_args()
    python = os.environ.get("PEER_PYTHON")
    if args.peer and not python:
        parser.error("--peer needs PEER_PYTHON, the interpreter of an environment with datatrove")
    binary, statutes = args.binary.resolve(), args.statutes.resolve()
    paths = sorted(statutes.rglob("*.md"))
    texts = {str(path.relative_to(statutes)): path.read_bytes().decode("utf-8") for path in paths}
    text = "".join(texts.values()).encode()
    megabytes = len(text) / 1e6
    load = os.getloadavg()[0]
    adopt_orphans()

    with tempfile.TemporaryDirectory(prefix="corpus-bench-") as folder:
        temp = pathlib.Path(folder)
        ours = {"same job": NO_RECORDS, "full": ""}
        costs, documents = {name: [] for name in [*ours, "floor"]}, {"floor": ""}
        for run in range(RUNS):
            for name, settings in ours.items():
                cost, counts = run_ours(binary, statutes, settings, temp / f"{name} {run}")
                if counts["inputs"] != len(texts):
                    sys.exit(f"{counts['inputs']} documents read, {len(texts)} .md files: is there anything else?")
                costs[name].append(cost)
                documents[name] = f"{counts['inputs']} → {counts['kept']}"
            costs["floor"].append(run_floor(text, temp / f"floor {run}"))
        if args.peer:
            cost, version, kept = run_peer(python, texts, temp / "peer")
            costs[f"datatrove {version}"] = [cost]
            documents[f"datatrove {version}"] = f"{len(texts)} → {kept}"

    cpu = {name: statistics.median(cost.cpu for cost in of) for name, of in costs.items()}
    cpu["floor"] = min(cost.cpu for cost in costs["floor"])  # zstd times by the clock: other load only slows it
    command = " ".join(["corpus.py", binary.name, statutes.name, *(["--peer"] if args.peer else [])])
    print(f"{datetime.date.today()}; {machine()}; load before {load:.1f}, after {os.getloadavg()[0]:.1f}; `{command}`")
    print(f"{len(texts)} statutes, {megabytes:.1f} MB of text; minimum / median of {RUNS} runs, one of the peer.")
    print("Rates, shares and ratios are of the median; of the floor, the minimum.\n")
    print("| | CPU s | wall s | largest process, MB | MB per CPU s | documents | share of floor | CPU, × same job |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for name, of in costs.items():
        row = [name, cells(of, "cpu", 2), cells(of, "wall", 2), cells(of, "rss", 0), f"{megabytes / cpu[name]:.2f}"]
        row += [documents[name], f"{cpu['floor'] / cpu[name]:.1%}", f"{cpu[name] / cpu['same job']:.2f}"]
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
