"""Pipelines over images as Python has them: numpy and OpenCV arrays, PIL images, tensors of other libraries."""

import json
import os
import threading
from collections.abc import Mapping

import numpy

from . import _core

_lock = threading.Lock()
_default: dict = {}  # by process: a forked child has no part in its parent's


def default_arena():
    """The arena that pipelines share when they are not given one; made by a process's first call."""
    with _lock:
        if os.getpid() not in _default:
            _default[os.getpid()] = _core.Arena(label="python")
        return _default[os.getpid()]


def _foreign(value):
    """A numpy array over whatever has a buffer or __dlpack__; None over anything else."""
    try:
        return numpy.asarray(memoryview(value))
    except TypeError:
        return numpy.from_dlpack(value) if hasattr(value, "__dlpack__") else None


def from_dlpack(x, arena=None, *, kind=None, label=None):
    """A new region with a copy of `x`, an array or tensor in the CPU's memory; the ledger tells the copy.

    Memory that others made lies outside the arena, where Wasm and other processes can't see it: it has to be copied
    once. To be spared that, allocate() first and let others write there: numpy.from_dlpack(region).
    """
    array = x if isinstance(x, numpy.ndarray) else _foreign(x)
    if array is None:
        raise TypeError(f"an array or something with a buffer or __dlpack__ was expected, not {type(x).__name__}")
    arena = default_arena() if arena is None else arena
    tight = numpy.ascontiguousarray(array)
    region = arena.allocate(tight.shape, tight.dtype, kind=kind, label=label)
    if tight is not array:
        arena._account(tight.nbytes)
    region._fill(tight)
    return region


class Pipeline:
    """A pipeline: `name` is a shipped one's, a path to a JSON file, or the pipeline itself as a dict.

    `params` override the stages' own: {"resize.width": 256}, the stage by name or by number from 0.
    Pipelines of one arena share its engines. One runs a frame at a time (other threads wait); different ones run side
    by side, without Python's lock.
    """

    def __init__(self, name="cutout", arena=None, *, params=None):
        self.arena = default_arena() if arena is None else arena
        text = json.dumps(name) if isinstance(name, Mapping) else None
        self._inner = _core.Pipeline(self.arena, "the pipeline" if text else name, text,
                                     tuple(f"{key}={value}" for key, value in (params or {}).items()))
        self.name = self._inner.name if text else name

    def __repr__(self):
        return f"<tripoint.Pipeline {self.name!r}>"

    @property
    def input(self):
        """The first input's name."""
        return self._inner.input

    @property
    def output(self):
        """The first output's name."""
        return self._inner.output

    def run(self, image, *, order="rgb", out=None, timeout=None, require_zero_copy=False):
        """Runs `image`: uint8 [height, width, 3 or 4] in anything with a buffer or __dlpack__, or a PIL image.

        `order="bgr"` says that colours are BGR or BGRA, as OpenCV has them; an image that results then is BGRA,
        otherwise RGBA. `out`, of the result's shape and dtype, takes it and is returned. `timeout` is in seconds a stage.
        """
        if order not in ("rgb", "bgr"):
            raise ValueError(f"order must be 'rgb' or 'bgr', not {order!r}")
        pixels = self._as_rgba(self._as_image(image), order)
        inputs = ((self._inner.input, pixels, "image"),)
        result = self._run(inputs, {self._inner.output: out}, timeout, require_zero_copy)[self._inner.output]
        if order == "bgr" and memoryview(result).ndim == 3 and memoryview(result).format == "B":
            self._swap(result)
        return result

    def run_all(self, inputs, outputs=None, *, timeout=None, require_zero_copy=False):
        """Runs several inputs by name, arrays of any shape and dtype, and gives a dict of outputs by name.

        `outputs`: the names wanted (default: the first output's), or a dict of names and arrays that take them. What an
        input means is guessed from its shape, as allocate() does; a Region says it itself.
        """
        if not isinstance(inputs, Mapping):
            raise TypeError(f"inputs are a dict of names and values, not {type(inputs).__name__}")
        if outputs is None:
            outputs = (self._inner.output,)
        places = dict(outputs) if isinstance(outputs, Mapping) else dict.fromkeys(outputs)
        given = tuple((name, *self._as_value(value)) for name, value in inputs.items())
        return self._run(given, places, timeout, require_zero_copy)

    def _run(self, inputs, places, timeout, require_zero_copy):
        if any(place is None for place in places.values()):
            made = self._inner.results(inputs, tuple((name, None) for name in places))
            places = {name: numpy.empty(*like) if place is None else place
                      for (name, place), like in zip(places.items(), made)}
        self._inner.run(inputs, tuple(places.items()), timeout, require_zero_copy)
        return places

    def _as_value(self, value):
        if isinstance(value, _core.Region):
            return value, value.kind
        if hasattr(value, "convert") and hasattr(value, "mode"):
            return self._as_rgba(self._as_image(value), "rgb"), "image"
        array = value if isinstance(value, numpy.ndarray) else _foreign(value)
        if array is None:
            raise TypeError(f"an input is an array, a PIL image or something with a buffer or __dlpack__, "
                            f"not {type(value).__name__}")
        tight = numpy.ascontiguousarray(array)
        if tight is not array:
            self.arena._account(tight.nbytes)
        return tight, None

    def _as_image(self, image):
        if hasattr(image, "convert") and hasattr(image, "mode"):  # PIL
            array = numpy.asarray(image if image.mode in ("RGB", "RGBA") else image.convert("RGBA"))
            self.arena._account(array.nbytes)
        else:
            array = image if isinstance(image, numpy.ndarray) else _foreign(image)
        if array is None:
            raise TypeError(f"an image is an array, a PIL image or something with a buffer or __dlpack__, "
                            f"not {type(image).__name__}")
        if array.dtype != numpy.uint8 or array.ndim != 3 or array.shape[2] not in (3, 4) or array.size == 0:
            raise ValueError("an image is uint8 [height, width, 3 or 4] with at least one pixel, "
                             f"not {array.dtype} {list(array.shape)}")
        return array

    def _as_rgba(self, array, order):
        """The array itself when it is tight RGBA; else repacked, which the ledger tells."""
        if array.shape[2] == 4 and order == "rgb" and array.flags.c_contiguous:
            return array
        rgba = numpy.empty((*array.shape[:2], 4), numpy.uint8)
        rgba[..., :3] = array[..., :3] if order == "rgb" else array[..., 2::-1]
        rgba[..., 3] = array[..., 3] if array.shape[2] == 4 else 255
        self.arena._account(rgba.nbytes)
        return rgba

    def _swap(self, rgba):
        rgba = numpy.asarray(rgba)
        red = rgba[..., 0].copy()
        rgba[..., 0] = rgba[..., 2]
        rgba[..., 2] = red
        self.arena._account(rgba.nbytes)
