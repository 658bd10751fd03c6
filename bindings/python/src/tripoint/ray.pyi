from collections.abc import Mapping
from typing import Any, Literal

from ray.data import Dataset

from . import Arena, Pipeline

__all__ = ["PipelineActor", "map_pipeline"]

class PipelineActor:
    arena: Arena
    pipeline: Pipeline
    column: str
    out: str
    order: Literal["rgb", "bgr"]
    tell: str | None
    def __init__(
        self,
        pipeline: str | Mapping[str, Any] = "cutout",
        *,
        params: Mapping[str, int | float | str] | None = None,
        column: str = "image",
        out: str | None = None,
        order: Literal["rgb", "bgr"] = "rgb",
        threads: int = 0,
        tell: str | None = None,
    ) -> None: ...
    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]: ...

def map_pipeline(
    dataset: Dataset,
    pipeline: str | Mapping[str, Any] = "cutout",
    *,
    workers: int = 2,
    batch_size: int = 16,
    cpus: float = 1,
    **options: Any,
) -> Dataset: ...
