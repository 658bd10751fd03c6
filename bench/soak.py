#!/usr/bin/env python3
"""soak.py TRIPOINT [--frames N] [--size WxH] [--pipeline NAME]: many frames through one stream, and what they leave behind.

Feeds a pipe with y4m, reads the process' memory after 1,000 frames, at every tenth of the rest and at the end, and fails
when a frame was lost or copied, or memory grew by more than 4 MiB after the first tenth. Exit status 0 or 1.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

GROWTH_KIB = 4096
KINDS = 16  # different pictures, which take turns


def pictures(width, height):
    """A slope that moves under a bright disc, as frames of y4m."""
    for k in range(KINDS):
        rows = []
        for y in range(height):
            row = bytearray((x + 2 * y + 8 * k) & 127 for x in range(width))
            if abs(y - height // 2) < height // 4:
                at = width // 4 + k * width // (4 * KINDS)
                row[at:at + width // 4] = bytes([220]) * (width // 4)
            rows.append(bytes(row))
        chroma = bytes([110 + k]) * (width * height // 4) + bytes([140 - k]) * (width * height // 4)
        yield b"FRAME\n" + b"".join(rows) + chroma


def memory_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0


def feed(child, args, frames):
    """Memory at each mark. The pipe holds the feeder back: what is fed is worked on within a few frames."""
    marks = {1000} | {args.frames * i // 10 for i in range(1, 10)} | {args.frames - 1}
    told = []
    child.stdin.write(f"YUV4MPEG2 W{args.width} H{args.height} F30:1 Ip A1:1 C420mpeg2\n".encode())
    for i in range(args.frames):
        child.stdin.write(frames[i % KINDS])
        if i in marks and i >= 1000:
            told.append((i, memory_kib(child.pid)))
            print(f"{i:>8} frames, {told[-1][1]:>8} KiB", flush=True)
    child.stdin.close()
    return told


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tripoint")
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--size", default="256x144")
    parser.add_argument("--pipeline", default="cutout-host")
    args = parser.parse_args()
    args.width, args.height = (int(n) for n in args.size.split("x"))
    frames = list(pictures(args.width, args.height))
    with tempfile.TemporaryDirectory(prefix="tripoint-soak-") as folder:
        command = [args.tripoint, "run", args.pipeline, "-", "-o", os.path.join(folder, "out.mkv"), "--codec", "mpeg4",
                   "--json", "--require-zero-copy"]
        began = time.monotonic()
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=False) as child:
            told = feed(child, args, frames)
            report = json.loads(child.stdout.read() or b"{}")
        seconds = time.monotonic() - began
    if child.returncode != 0:
        return 1
    settled, end = told[1 if len(told) > 2 else 0][1], told[-1][1]
    lost = args.frames - report["output"]["frames"]
    copied = report["ledger"]["bytes_between_stages"]
    print(f"{report['output']['frames']} frames of {args.size}, {args.pipeline}, {seconds:.0f} s "
          f"({args.frames / seconds:.0f} a second): {lost} lost, {copied} bytes copied between stages, "
          f"{told[0][1]} KiB after 1,000 frames, {end} at the end")
    return 0 if lost == 0 and copied == 0 and end - settled <= GROWTH_KIB else 1


if __name__ == "__main__":
    sys.exit(main())
