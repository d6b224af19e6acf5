"""The synthetic benchmark: generated clips of coloured shapes with queries and true tubes."""

from zerotube.synth.sample import HELD_OUT_SEED, KINDS, SynthSample, sample
from zerotube.synth.write import CRF, SavedSample, read_samples, write_samples

__all__ = [
    "CRF",
    "HELD_OUT_SEED",
    "KINDS",
    "SavedSample",
    "SynthSample",
    "read_samples",
    "sample",
    "write_samples",
]
