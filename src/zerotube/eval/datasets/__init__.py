"""One file per data set: from the users' original files to samples with their truth."""

from zerotube.eval.datasets.registry import DATASETS, Request, load_benchmark

__all__ = ["DATASETS", "Request", "load_benchmark"]
