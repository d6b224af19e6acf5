"""The flags that say which model is used and how it is loaded, alike in all verbs."""

from __future__ import annotations

from typing import Annotated

import typer

MODEL_OPTION = Annotated[
    str, typer.Option("--model", help="Hugging Face id or folder of the multimodal LLM.")
]
DEVICE_OPTION = Annotated[
    str | None, typer.Option("--device", help="cpu, cuda, cuda:1, mps; default: the best.")
]
DTYPE_OPTION = Annotated[
    str | None, typer.Option("--dtype", help="float32, bfloat16, float16; default: by device.")
]
DEVICE_MAP_OPTION = Annotated[
    str | None,
    typer.Option("--device-map", metavar="auto", help="Spread the layers over all devices."),
]
QUANTIZE_OPTION = Annotated[
    str | None,
    typer.Option("--quantize", metavar="8bit|4bit", help="Load quantised weights."),
]
