"""What can be asked of a data set, also where its true boxes are not at hand."""

from __future__ import annotations

from zerotube.eval.datasets.pairs import Listing, Pair, listing_of
from zerotube.eval.datasets.registry import Request, load_benchmark

__all__ = ["Listing", "Pair", "list_pairs"]


def list_pairs(request: Request) -> Listing:
    """The pairs of a data set.

    Where the boxes are part of the annotation, or box files are there, these are the samples of
    `load_benchmark`. VidSTG's annotation is listed by itself where there is no box file.

    Raises:
        UsageError, InputError: as `load_benchmark`, but for missing box files.
    """
    if request.dataset == "vidstg":
        from zerotube.eval.datasets import vidstg

        return vidstg.listing(request)
    return listing_of(load_benchmark(request))
