"""Works through the samples of a benchmark: journalled, resumable, in parallel if asked."""

from zerotube.eval.runner.run import RunInterruptedError, run_task
from zerotube.eval.runner.types import RunOptions, RunRecord, RunState, Watch

__all__ = ["RunInterruptedError", "RunOptions", "RunRecord", "RunState", "Watch", "run_task"]
