"""Scaling out: one pipeline as the actors of a Ray Data job. Ray is optional: `pip install ray[data]`.

    import ray
    from tripoint.ray import map_pipeline

    photos = ray.data.read_images("photos/", mode="RGB")
    cutouts = map_pipeline(photos, "cutout", workers=4)

Each worker is a process with an arena of its own: nothing of an arena travels, and a batch is copied in and out by each
image once, as by Pipeline.run().
"""

import os

import numpy
from ray.data import ActorPoolStrategy

from ._core import Arena
from ._pipeline import Pipeline

__all__ = ["PipelineActor", "map_pipeline"]


class PipelineActor:
    """What Dataset.map_batches() makes in each worker: a callable over batches in the numpy format.

    `column` holds images, uint8 [height, width, 3 or 4], of one size or of several; the results go into `out`.
    `tell` names a column for what a worker did: "pid/between_bytes/border_bytes", for tests and for the curious.
    """

    def __init__(self, pipeline="cutout", *, params=None, column="image", out=None, order="rgb", threads=0, tell=None):
        self.arena = Arena(label="ray", threads=threads)
        self.pipeline = Pipeline(pipeline, self.arena, params=params)
        self.column, self.out, self.order, self.tell = column, out or column, order, tell

    def __call__(self, batch):
        images = batch[self.column]
        results = [self.pipeline.run(image, order=self.order) for image in images]
        batch[self.out] = self._column(results)
        if self.tell:
            ledger = self.arena.ledger
            batch[self.tell] = numpy.array([f"{os.getpid()}/{ledger.between_bytes}/{ledger.border_bytes}"] * len(results))
        return batch

    @staticmethod
    def _column(results):
        if len({result.shape for result in results}) == 1:
            return numpy.stack(results)
        ragged = numpy.empty(len(results), object)
        ragged[:] = results
        return ragged


def map_pipeline(dataset, pipeline="cutout", *, workers=2, batch_size=16, cpus=1, **options):
    """`dataset` with every image run through `pipeline`, by as many workers; `options` are PipelineActor's.

    A worker's network has `cpus` threads, unless `threads` says otherwise: several that each took every processor would
    be in each other's way.
    """
    options.setdefault("threads", max(1, int(cpus)))
    return dataset.map_batches(PipelineActor, fn_constructor_args=(pipeline,), fn_constructor_kwargs=options,
                               batch_size=batch_size, batch_format="numpy", num_cpus=cpus,
                               compute=ActorPoolStrategy(size=workers))
