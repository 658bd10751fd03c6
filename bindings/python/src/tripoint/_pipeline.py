"""Pipelines over images as Python has them: numpy and OpenCV arrays, PIL images, tensors of other libraries."""

import threading

import numpy

from . import _core

_lock = threading.Lock()
_default = None


def default_arena():
    """The arena that pipelines share when they are not given one; made by the first call."""
    global _default
    with _lock:
        if _default is None:
            _default = _core.Arena(label="python")
        return _default


class Pipeline:
    """A pipeline over an image: `name` is a shipped one's, or a path to a JSON file.

    `params` override the stages' own: {"resize.width": 256}, the stage by name or by number from 0.
    Pipelines of one arena share its engines. One runs a frame at a time (other threads wait); different ones run side
    by side, without Python's lock.
    """

    def __init__(self, name="cutout", arena=None, *, params=None):
        self.arena = default_arena() if arena is None else arena
        self.name = name
        self._inner = _core.ImagePipeline(
            self.arena, name, tuple(f"{key}={value}" for key, value in (params or {}).items()))

    def __repr__(self):
        return f"<tripoint.Pipeline {self.name!r}>"

    def run(self, image, *, order="rgb", out=None):
        """Runs `image`: uint8 [height, width, 3 or 4] in anything with a buffer or __dlpack__, or a PIL image.

        `order="bgr"` says that colours are BGR or BGRA, as OpenCV has them; an image that results then is BGRA,
        otherwise RGBA. `out`, of the result's shape and dtype, takes it and is returned.
        """
        if order not in ("rgb", "bgr"):
            raise ValueError(f"order must be 'rgb' or 'bgr', not {order!r}")
        given = self._as_array(image)
        pixels = self._as_rgba(given, order)
        result = numpy.empty(*self._inner.result(*pixels.shape[:2])) if out is None else out
        self._inner.process(pixels, result)
        if order == "bgr" and memoryview(result).ndim == 3 and memoryview(result).format == "B":
            self._swap(result)
        return result

    def _as_array(self, image):
        if hasattr(image, "convert") and hasattr(image, "mode"):  # PIL
            array = numpy.asarray(image if image.mode in ("RGB", "RGBA") else image.convert("RGBA"))
            self.arena._account(array.nbytes)
        elif isinstance(image, numpy.ndarray):
            array = image
        else:
            array = self._foreign(image)
        if array.dtype != numpy.uint8 or array.ndim != 3 or array.shape[2] not in (3, 4) or array.size == 0:
            raise ValueError("an image is uint8 [height, width, 3 or 4] with at least one pixel, "
                             f"not {array.dtype} {list(array.shape)}")
        return array

    @staticmethod
    def _foreign(image):
        try:
            return numpy.asarray(memoryview(image))
        except TypeError:
            pass
        if hasattr(image, "__dlpack__"):
            return numpy.from_dlpack(image)
        raise TypeError(f"an image is an array, a PIL image or something with a buffer or __dlpack__, "
                        f"not {type(image).__name__}")

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
