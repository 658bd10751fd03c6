"""What Python adds: views, execute() and Pipeline.run() against the same calls in C, in turns in one process.

usage: python bench.py [--json] [PIPELINE]      (cutout-host when none is named)

The C side goes through ctypes with everything prepared; what a ctypes call with such arguments costs that does nothing
is taken off. Times are medians.
"""

import argparse
import ctypes
import json
import os
import statistics
import time

import numpy as np

import tripoint

LIBRARY = os.environ.get("TRIPOINT_LIBRARY", "libtripoint.so.0")
SIZE = (1080, 1920, 4)


class CStage(ctypes.Structure):
    _fields_ = [("struct_bytes", ctypes.c_size_t), ("technology", ctypes.c_int), ("operation", ctypes.c_char_p),
                ("name", ctypes.c_char_p), ("input", ctypes.c_uint64), ("output", ctypes.c_uint64),
                ("inputs", ctypes.c_void_p), ("input_count", ctypes.c_size_t), ("outputs", ctypes.c_void_p),
                ("output_count", ctypes.c_size_t), ("params", ctypes.c_void_p), ("param_count", ctypes.c_size_t),
                ("isolate", ctypes.c_bool)]


def loaded():
    """The library that the binding has loaded already, with the types of what is called."""
    lib = ctypes.CDLL(LIBRARY)
    for name in ("tri_runtime_create", "tri_execute_zero_copy", "tri_arena_allocate_shared", "tri_region_set_layout",
                 "tri_image_pipeline_create", "tri_image_pipeline_process"):
        getattr(lib, name).restype = ctypes.c_int32
    lib.tri_runtime_arena.restype = ctypes.c_void_p
    lib.tri_arena_stats.restype = None
    return lib


def nanoseconds(calls, turns, inner):
    """For each call the median over turns of its mean over `inner` calls; the calls take turns."""
    times = [[] for _ in calls]
    for _ in range(turns):
        for call, taken in zip(calls, times):
            start = time.perf_counter_ns()
            for _ in range(inner):
                call()
            taken.append((time.perf_counter_ns() - start) / inner)
    return [statistics.median(taken) for taken in times]


def checked(status):
    if status != 0:
        raise RuntimeError(f"the C call answered {status}")


def bench_views(arena):
    region = arena.allocate(SIZE)

    def read():
        with region.read():
            pass

    names = ("np.asarray(region)", "np.from_dlpack(region)", "with region.read()", "memoryview(region)")
    calls = (lambda: np.asarray(region), lambda: np.from_dlpack(region), read, lambda: memoryview(region))
    result = {name: ns / 1e3 for name, ns in zip(names, nanoseconds(calls, 21, 2000))}
    region.free()
    small = {"allocate(4096) and free()": nanoseconds([lambda: arena.allocate(4096).free()], 21, 500)[0] / 1e3}
    return {"µs": result | small}


def bench_execute(lib):
    arena = tripoint.Arena()
    image = arena.allocate((2, 2, 4))
    stages = [{"technology": "host", "operation": "vignette", "input": image, "output": image}]
    runtime, handle = ctypes.c_void_p(), ctypes.c_uint64()
    checked(lib.tri_runtime_create(None, ctypes.byref(runtime), None))
    inner = ctypes.c_void_p(lib.tri_runtime_arena(runtime))
    checked(lib.tri_arena_allocate_shared(inner, ctypes.c_uint64(16), ctypes.byref(handle), None))
    layout = (ctypes.c_uint64 * 14)(0 | 1 << 32, 3, 2, 2, 4)  # struct tri_layout: u8, image, rank 3, 2 x 2 x 4
    checked(lib.tri_region_set_layout(inner, handle, layout, None))
    stage = CStage(ctypes.sizeof(CStage), 0, b"vignette", None, handle.value, handle.value)
    given, one = ctypes.byref(stage), ctypes.c_size_t(1)
    execute = lib.tri_execute_zero_copy
    checked(execute(runtime, given, one, None))
    nothing = lib.tri_arena_stats  # nowhere to write to: it returns at once
    plan = tripoint.Plan(stages)
    python, c, empty, run = nanoseconds(
        [lambda: tripoint.execute(stages), lambda: execute(runtime, given, one, None),
         lambda: nothing(given, None, one, None), plan.run], 31, 500)
    return {"µs": {"execute() in Python": python / 1e3, "in C": (c - empty) / 1e3,
                   "added by Python": (python - (c - empty)) / 1e3, "Plan.run() in Python": run / 1e3}}


def bench_run(lib, name):
    pipeline = tripoint.Pipeline(name)
    image = np.random.default_rng(1).integers(0, 256, SIZE, np.uint8)
    out = np.empty_like(image)
    inner = ctypes.c_void_p()
    checked(lib.tri_image_pipeline_create(None, name.encode(), ctypes.byref(inner), None))
    arguments = (inner, ctypes.c_void_p(image.ctypes.data), ctypes.c_uint32(SIZE[1]), ctypes.c_uint32(SIZE[0]))
    target = ctypes.c_void_p(out.ctypes.data)

    def c_new():
        made = np.empty(SIZE, np.uint8)
        lib.tri_image_pipeline_process(*arguments, ctypes.c_void_p(made.ctypes.data), None)

    calls = [lambda: pipeline.run(image, out=out), lambda: lib.tri_image_pipeline_process(*arguments, target, None),
             lambda: pipeline.run(image), c_new]
    for call in calls:
        call()
    checked(lib.tri_image_pipeline_process(*arguments, target, None))
    python, c, python_new, c_fresh = nanoseconds(calls, 41, 1)
    return {"ms": {f"run(image, out=out), {name}": python / 1e6, "in C": c / 1e6, "run(image)": python_new / 1e6,
                   "in C with a new result": c_fresh / 1e6},
            "ratio": {"run(image, out=out) to C": python / c, "run(image) to C with a new result": python_new / c_fresh,
                      "run(image) to C": python_new / c}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("pipeline", nargs="?", default="cutout-host")
    options = parser.parse_args()
    lib = loaded()
    results = {"views": bench_views(tripoint.Arena()), "execute": bench_execute(lib),
               "run": bench_run(lib, options.pipeline)}
    if options.json:
        print(json.dumps(results, indent=2, ensure_ascii=False))
        return
    for part, units in results.items():
        for unit, rows in units.items():
            for row, value in rows.items():
                print(f"{part:8} {row:36} {value:9.3f} {unit}")


if __name__ == "__main__":
    main()
