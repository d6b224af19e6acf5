"""Small files that a model brings along, beside its weights."""

from __future__ import annotations

from pathlib import Path


def file_beside(model: str, name: str) -> Path | None:
    """A file beside a model's weights; None where it has none of that name.

    Args:
        model: "bundled", a folder, or a Hugging Face id, of which the file is fetched.
        name: of the file.
    """
    if model == "bundled":
        from zerotube.bundled import bundled_path

        file = bundled_path() / name
        return file if file.is_file() else None
    if Path(model).exists():
        file = Path(model) / name
        return file if file.is_file() else None
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        return Path(hf_hub_download(model, name))
    except (HfHubHTTPError, HFValidationError, OSError):
        # Most models have none. Whatever else is wrong - no network, an unknown id - is said
        # where the model itself is loaded.
        return None
