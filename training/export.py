"""Write a training checkpoint as a model folder that the Auto classes load.

python training/export.py --weights DIR/clips.pt --out src/zerotube/bundled
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from build import build_model, save

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = build_model()
    model.load_state_dict(torch.load(args.weights, weights_only=True, map_location="cpu"))
    save(model, args.out)
