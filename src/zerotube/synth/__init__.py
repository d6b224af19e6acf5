"""The synthetic benchmark: generated clips of coloured shapes with queries and true tubes."""

from zerotube.synth.draw import set_sample
from zerotube.synth.kept import set_folder
from zerotube.synth.read import SavedSample, read_samples
from zerotube.synth.sample import HELD_OUT_SEED, SynthSample
from zerotube.synth.stage import (
    BASIC_SETS,
    CONDITIONS,
    HELD_OUT_COMBINATIONS,
    SET_SAMPLES,
    SET_SEEDS,
    SETS,
    set_stage,
)
from zerotube.synth.write import CRF, write_set

__all__ = [
    "BASIC_SETS",
    "CONDITIONS",
    "CRF",
    "HELD_OUT_COMBINATIONS",
    "HELD_OUT_SEED",
    "SETS",
    "SET_SAMPLES",
    "SET_SEEDS",
    "SavedSample",
    "SynthSample",
    "read_samples",
    "set_folder",
    "set_sample",
    "set_stage",
    "write_set",
]
