"""A pipeline over many images: one process against the actors of a Ray cluster on this machine.

usage: python bench_ray.py [--pipeline NAME] [--images N] [--workers N] [--size WIDTHxHEIGHT]

Ray's figure is that of the steady state: N images and 3 N are run, and the difference counts, so that starting actors
does not. Both sides take their images from memory and leave the results there.
"""

import argparse
import os
import time

import numpy as np
import ray

import tripoint
from tripoint.ray import map_pipeline


def made(row, width, height):
    return {"image": np.random.default_rng(int(row["id"])).integers(0, 256, (height, width, 4), np.uint8)}


def in_one_process(name, images):
    pipeline = tripoint.Pipeline(name)
    pipeline.run(images[0])
    start = time.perf_counter()
    for image in images:
        pipeline.run(image)
    return len(images) / (time.perf_counter() - start)


def by_ray(name, count, workers, size):
    seconds = []
    for images in (count, 3 * count):
        rows = ray.data.range(images, override_num_blocks=images // 8).map(made, fn_args=size).materialize()
        start = time.perf_counter()
        map_pipeline(rows, name, workers=workers, batch_size=8).materialize()
        seconds.append(time.perf_counter() - start)
    return 2 * count / (seconds[1] - seconds[0]), seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pipeline", default="cutout-host")
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--size", default="1280x720")
    options = parser.parse_args()
    size = tuple(int(side) for side in options.size.split("x"))
    images = [made({"id": i}, *size)["image"] for i in range(min(options.images, 32))]
    before = in_one_process(options.pipeline, images)
    ray.init(num_cpus=options.workers, include_dashboard=False, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False
    rate, seconds = by_ray(options.pipeline, options.images, options.workers, size)
    ray.shutdown()
    after = in_one_process(options.pipeline, images)
    print(f"{options.pipeline}, {options.size}, {os.cpu_count()} processors, Ray {ray.__version__}")
    print(f"one process          {before:8.1f} images/s before, {after:.1f} after")
    print(f"{options.workers} workers of Ray     {rate:8.1f} images/s ({options.images} images in {seconds[0]:.1f} s with the start, "
          f"{3 * options.images} in {seconds[1]:.1f} s)")


if __name__ == "__main__":
    main()
