"""The facade: video and sentence in, tube out. It composes the stages and computes nothing."""

from zerotube.grounder.candidates import Candidates
from zerotube.grounder.decomposers import model_decomposer
from zerotube.grounder.facade import Grounder
from zerotube.grounder.prepared import Prepared

__all__ = ["Candidates", "Grounder", "Prepared", "model_decomposer"]
