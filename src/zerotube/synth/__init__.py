"""The synthetic benchmark: generated clips of coloured shapes with queries and true tubes."""

from zerotube.synth.cache import set_folder
from zerotube.synth.draw import SynthSample, set_sample
from zerotube.synth.read import SavedSample, read_samples
from zerotube.synth.sets import (
    BASIC_SETS,
    HELD_OUT_SEED,
    SET_SAMPLES,
    SET_SEEDS,
    SETS,
    set_stage,
)
from zerotube.synth.takes import CONDITIONS
from zerotube.synth.words import HELD_OUT_COMBINATIONS, UNSEEN_COMBINATIONS
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
    "UNSEEN_COMBINATIONS",
    "SavedSample",
    "SynthSample",
    "read_samples",
    "set_folder",
    "set_sample",
    "set_stage",
    "write_set",
]
