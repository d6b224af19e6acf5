"""Works through the samples of a benchmark."""

from zerotube.eval.runner.run import run_task
from zerotube.eval.runner.types import RunOptions, RunRecord

__all__ = ["RunOptions", "RunRecord", "run_task"]
