"""``zerotube models``: the supported families, what to load, how much memory it takes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from zerotube.cli import console
from zerotube.cli.flags import with_flags
from zerotube.cli.groups import AsJson

_GIB = 2**30
_HEADINGS = (
    *("family", "prompt holds", "id for --model", "size", "16 bit", "4 bit"),
    *("fits", "on disk", ""),
)


@dataclass(frozen=True)
class ModelRow:
    """One checkpoint that can be loaded.

    Attributes:
        family: name of the adapter's class.
        architecture: what its config names.
        modality: "video", or "image" for families that see one frame.
        name: id to pass to --model.
        billions: parameters, in units of 10^9.
        weights_gib: memory of the weights alone at 16 bits per parameter.
        weights_4bit_gib: the same at 4 bits.
        gated: whether a licence has to be accepted first.
        cached: whether config and weights are on this disk.
        note: what to do before it loads, if anything.
        fits: whether it fits this machine's free memory, see `zerotube.mllm.fitting.Fit`.
        recommended: whether it is the one to take here.
    """

    family: str
    architecture: str
    modality: str
    name: str
    billions: float
    weights_gib: float
    weights_4bit_gib: float
    gated: bool
    cached: bool
    note: str
    fits: str
    recommended: bool


@with_flags(as_json="Print the table as JSON.")
def models(*, as_json: AsJson = False) -> None:
    """List the models: ids to try, memory, what fits here, and which one to take.

    Memory is that of the weights. "fits" compares it with what is free on the first GPU (16 bits a
    parameter), else in main memory (32 bits): yes = with room for the visual prefix and tuning,
    tight = the weights alone, 4 bit = with --quantize 4bit (docs/models.md has measured peaks).
    """
    from zerotube.mllm.fitting import recommended, this_machine

    machine = this_machine()
    advice = recommended(machine)
    rows = list_models()
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    console.print_rows(
        [
            _HEADINGS,
            *(
                (
                    row.family,
                    row.modality,
                    row.name,
                    f"{row.billions:.3g} B",
                    f"{row.weights_gib:.1f} GiB",
                    f"{row.weights_4bit_gib:.1f} GiB",
                    row.fits,
                    "yes" if row.cached else "no",
                    "; ".join(["gated"] * row.gated + [row.note] * bool(row.note)),
                )
                for row in rows
            ),
        ]
    )
    print(f"\nrecommended here: {advice.name} ({advice.why})")
    print(f'run: zerotube ground VIDEO "SENTENCE" --model {advice.name}')


def list_models() -> list[ModelRow]:
    """Every checkpoint to try: the bundled one, then families in alphabetical order."""
    from zerotube.bundled import bundled_path
    from zerotube.mllm.fitting import recommended, this_machine
    from zerotube.mllm.registry import FAMILIES, Checkpoint
    from zerotube.mllm.weights import parameter_bytes, weights_cached

    machine = this_machine()
    advised = recommended(machine).name
    own = bundled_path()
    parameters, _ = parameter_bytes(own / "model.safetensors")
    config = json.loads((own / "config.json").read_text(encoding="utf-8"))
    bundled = Checkpoint("bundled", parameters / 1e9, note="coloured shapes alone")
    listed = [(config["architectures"][0], bundled)]
    listed += sorted(
        ((name, item) for name, entry in FAMILIES.items() for item in entry.checkpoints),
        key=lambda pair: (FAMILIES[pair[0]].adapter, pair[1].billions),
    )
    return [
        ModelRow(
            family=FAMILIES[architecture].adapter,
            architecture=architecture,
            modality=FAMILIES[architecture].modality,
            name=item.name,
            billions=item.billions,
            weights_gib=round(item.billions * 1e9 * 2 / _GIB, 3),
            weights_4bit_gib=round(item.billions * 1e9 / 2 / _GIB, 3),
            gated=item.gated,
            cached=item is bundled or weights_cached(item.name),
            note=item.note,
            fits=machine.fit(item.billions),
            recommended=item.name == advised,
        )
        for architecture, item in listed
    ]
