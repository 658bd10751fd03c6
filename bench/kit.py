"""What the scripts of this folder share: programs that take turns, series and their medians, tables, the machine."""
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("TRIPOINT_BUILD") or os.path.join(ROOT, "build")
TRIPOINT = os.path.join(BUILD, "tools", "tripoint", "tripoint")
BURST = os.path.join(BUILD, "bench", "burst")
PHOTO = os.path.join(ROOT, "samples", "astronaut.png")


def cache_folder():
    own, xdg = os.environ.get("TRIPOINT_CACHE"), os.environ.get("XDG_CACHE_HOME")
    return own or os.path.join(xdg or os.path.expanduser("~/.cache"), "tripoint")


def build(*targets):
    """The programs that a script measures: they are not built by default."""
    subprocess.run(["ninja", "-C", BUILD, *targets], check=True, stdout=subprocess.DEVNULL)


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        cpu = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), "unknown")
    return {"cpu": cpu, "cores": len(os.sched_getaffinity(0)), "kernel": platform.release()}


def about():
    version = subprocess.run([TRIPOINT, "--version"], check=True, capture_output=True, text=True).stdout
    command = shlex.join([os.path.relpath(sys.argv[0], ROOT)] + sys.argv[1:])
    return dict(machine(), tripoint=version.strip(), command=command)


def print_about(told):
    print(f"# {told['command']}, {told['tripoint']}, on {told['cpu']}, {told['cores']} cores, Linux {told['kernel']}")


def summary(values):
    values = sorted(values)
    pick = lambda share: values[min(len(values) - 1, int(len(values) * share))]
    return {"median": statistics.median(values), "p5": pick(0.05), "p95": pick(0.95)}


def ratio(ours, theirs):
    """The median of the rounds' quotients: what slows the machine for a moment slows both."""
    return statistics.median(b / a for a, b in zip(ours, theirs))


def print_table(head, rows):
    """A table of Markdown whose columns also line up for who reads it as text."""
    rows = [[str(cell) for cell in row] for row in [head] + rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    for number, row in enumerate(rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


def print_json(told, rows):
    print(json.dumps(dict(told, rows=rows), indent=1))


class Program:
    """A child that says `ready`, then answers a line with a line (bench/burst.c, bench/peers/contestant.py)."""

    def __init__(self, command, core=None):
        prefix = ["taskset", "-c", str(core)] if core is not None else []
        self.command = command
        self.child = subprocess.Popen(prefix + command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)

    def _fail(self):
        self.child.stdin.close()
        words = self.child.stderr.read().strip().splitlines()
        self.child.wait()
        raise RuntimeError(f"{shlex.join(self.command)}: {words[-1] if words else 'it ended'}")

    def answer(self):
        line = self.child.stdout.readline()
        if not line:
            self._fail()
        return line.strip()

    def wait_ready(self):
        while self.answer() != "ready":
            pass
        return self

    def tell(self, line):
        try:
            self.child.stdin.write(line + "\n")
            self.child.stdin.flush()
        except BrokenPipeError:
            self._fail()

    def ask(self, line):
        self.tell(line)
        return self.answer()

    def close(self):
        self.child.stdin.close()
        self.child.stdout.close()
        self.child.stderr.close()
        self.child.wait()
