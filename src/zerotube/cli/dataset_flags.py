"""The flags that name a data set, alike in every verb that has them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DATASET_OPTION = Annotated[
    str,
    typer.Option(
        "--dataset",
        metavar="NAME",
        help="hcstvg, hcstvg-v1, hcstvg-v2, vidstg, refcoco, refcoco+, refcocog or synth.",
    ),
]
ROOT_OPTION = Annotated[
    Path | None,
    typer.Option("--root", metavar="DIR", help="Folder with annotations and videos, at any depth."),
]
SPLIT_OPTION = Annotated[
    str, typer.Option("--split", metavar="NAME", help="Split of the data set, such as test.")
]
ANNOTATIONS_OPTION = Annotated[
    Path | None,
    typer.Option(
        "--annotations",
        metavar="FILE",
        help="The annotation file; default: the split's usual name below --root.",
    ),
]
BOXES_OPTION = Annotated[
    Path | None,
    typer.Option(
        "--boxes",
        metavar="DIR",
        help="Folder with box files at any depth (VidSTG: the VidOR annotations); default --root.",
    ),
]
