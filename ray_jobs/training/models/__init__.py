"""The networks: `build` makes any of `names()` into a classifier."""

from ray_jobs.training.models.classifier import build, names

__all__ = ["build", "names"]
