"""The ``zerotube`` command: its verbs, and how errors reach the user."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from zerotube.cli import console
from zerotube.cli.ablate import ablate
from zerotube.cli.analyze import analyze
from zerotube.cli.check import check
from zerotube.cli.decompose import decompose
from zerotube.cli.demo import demo
from zerotube.cli.doctor import doctor
from zerotube.cli.eval import evaluate
from zerotube.cli.ground import ground
from zerotube.cli.heads import heads
from zerotube.cli.models import models
from zerotube.cli.propose import propose
from zerotube.cli.samples import samples
from zerotube.cli.score import score
from zerotube.cli.synth import synth
from zerotube.errors import InputError, ZerotubeError

EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141
"""128 + SIGPIPE, what a shell reports for a program whose reader went away."""


class OneLineErrors(TyperGroup):
    """Turns every expected failure into one line on stderr and an exit code.

    An exception of another kind is a bug of ours and keeps its traceback.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run the verb."""
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except BrokenPipeError:
            # The reader has gone: the interpreter's own flush at exit must not complain again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(EXIT_BROKEN_PIPE)
        except ZerotubeError as caught:
            if ctx.params.get("debug"):
                raise
            console.error(str(caught))
            ctx.exit(caught.exit_code)
        except OSError as caught:
            if ctx.params.get("debug"):
                raise
            console.error(
                f"got {caught}; wanted to read and write there; "
                "check the path, its permissions and the free space"
            )
            ctx.exit(InputError.exit_code)
        except KeyboardInterrupt:
            console.error("got an interrupt; wanted to finish; nothing half-written is left")
            ctx.exit(EXIT_INTERRUPTED)


app = typer.Typer(
    name="zerotube",
    cls=OneLineErrors,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Find in a video the object that a sentence describes, and when: no training needed.",
    epilog="Exit codes: 0 ok, 2 usage, 3 bad input, 4 nothing to ground (no tracks), 5 a failed "
    "check of a model.",
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"zerotube {version('zerotube')}")
        raise typer.Exit


@app.callback()
def _shared(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", envvar="ZEROTUBE_DEBUG", help="Show the traceback of an error."),
    ] = False,
) -> None:
    pass


for _verb in (
    *(ground, propose, decompose, samples, score, ablate),
    *(models, check, heads, synth, demo, doctor),
):
    app.command(no_args_is_help=_verb not in (doctor, models))(_verb)

app.command("eval", no_args_is_help=True)(evaluate)
app.command(no_args_is_help=True)(analyze)


def main() -> None:
    """Entry point of the installed command."""
    # Five announced retries before "no network" would bury the one line that says so.
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    app()
