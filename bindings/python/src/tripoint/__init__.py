"""One block of shared memory that Wasm, WebGPU and a neural network see without copies.

arena.allocate() gives regions, `with region.read() as a:` numpy arrays over their pages, execute() runs stages on them,
and Pipeline("cutout").run(image) does the whole job for an image. Ownership, claims and lifetimes: README.md.
"""

from typing import Any, TypedDict

from . import _core
from ._core import Arena, Borrow, Ledger, LedgerLine, Plan, Region, execute, operations
from ._pipeline import Pipeline, default_arena, from_dlpack

__version__ = _core.version


class Stage(TypedDict, total=False):
    """One stage; technology and operation are needed. Operands left out are bound by kind."""

    technology: str
    operation: str
    input: Any
    output: Any
    params: dict
    name: str


_errors = [name for name in vars(_core) if name.endswith("Error")]
globals().update({name: getattr(_core, name) for name in _errors})

__all__ = ["Arena", "Borrow", "Ledger", "LedgerLine", "Pipeline", "Plan", "Region", "Stage", "default_arena", "execute",
           "from_dlpack", "operations", *_errors]
