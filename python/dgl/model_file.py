"""Model files: safetensors with tensors under the names of networks, and their settings as JSON in the metadata.

docs/formats.md, "Models", says what they hold; src/dgl/families/model_file.cpp writes them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Tuple, Union

import torch
from torch import nn

from .biggan import BigGAN
from .cyclegan import CycleGAN
from .diffusion import Diffusion
from .errors import DglError
from .model import GenerativeModel
from .safetensors import SafetensorsFile
from .settings import Settings
from .stylegan2 import StyleGAN2
from .vae import VAE

MODEL_NAME = "model.safetensors"
SETTINGS_NAME = "config.json"


class FamilyEntry(NamedTuple):
    """A family of models: its module, and which of a file's networks it takes."""

    module: Callable[[Dict[str, Settings]], GenerativeModel]
    slots: Tuple[str, ...]
    """Names of the networks in a file. A module needs one of them or more."""
    prefixes: bool
    """Whether the module holds the networks under their names, or is the one network itself."""


FAMILIES: Dict[str, FamilyEntry] = {
    "stylegan2": FamilyEntry(StyleGAN2, ("generator",), prefixes=False),
    "biggan": FamilyEntry(BigGAN, ("generator",), prefixes=False),
    "diffusion": FamilyEntry(Diffusion, ("denoiser",), prefixes=True),
    "vae": FamilyEntry(VAE, ("encoder", "decoder"), prefixes=True),
    "cyclegan": FamilyEntry(CycleGAN, ("generator_a_to_b", "generator_b_to_a"), prefixes=True),
}
"""A new family is a line here."""


def load(path: Union[str, "os.PathLike[str]"], *, device: Union[str, torch.device] = "cpu") -> GenerativeModel:
    """Loads a model of `dgl`: its averaged networks where the file has them, as `dgl sample` takes them.

    ``path``: a model file, the folder of a finished run, or a folder that `dgl export --to huggingface` wrote; of a
    folder its model.safetensors. Returns a StyleGAN2, BigGAN, VAE, Diffusion or CycleGAN in evaluation mode, float32,
    on ``device``.

    Raises DglError, which names the file and what is wrong with it, for a file that is no such model, and
    FileNotFoundError where there is none.
    """
    file_path = _model_at(Path(path))
    file = SafetensorsFile(file_path)
    metadata = _metadata(file)
    slots = [slot for family in FAMILIES.values() for slot in family.slots]
    prefixes = {slot: _prefix(file, slot) for slot in slots}
    present = [slot for slot in dict.fromkeys(slots) if prefixes[slot]]
    if not present:
        if "classifier" in (metadata.get("family"), *map(_family_name, metadata.values())):
            raise DglError(f"{file_path}: a feature network, which makes no images; expected a generative model")
        raise DglError(f"{file_path}: the model has no generator: no tensors under {', '.join(dict.fromkeys(slots))}")
    name = _family_name(metadata.get(present[0]))
    if name not in FAMILIES:
        what = "the network's settings have no family" if name is None else f'family "{name}" is not known'
        raise DglError(f"{file_path}: {what}; expected {' or '.join(FAMILIES)}")
    family = FAMILIES[name]
    taken = [slot for slot in family.slots if prefixes[slot]]
    if not taken:
        raise DglError(f'{file_path}: a model of family "{name}" without {" and ".join(family.slots)}')
    for slot in taken:
        if slot not in metadata:
            raise DglError(f"{file_path}: the metadata has no settings of the {slot}")
    networks = {slot: Settings(metadata[slot], str(file_path)) for slot in taken}
    model = family.module(networks)
    model.settings = {slot: dict(networks[slot].values) for slot in taken}
    info = metadata.get("info")
    model.info = dict(info) if isinstance(info, Mapping) else {}
    for slot in taken:
        _fill(model.get_submodule(slot) if family.prefixes else model, file, prefixes[slot])
    return model.to(device).eval()


def _model_at(path: Path) -> Path:
    """The model of a folder; any other path as it is. Raises DglError for what is no model file."""
    if path.is_dir():
        if (path / MODEL_NAME).is_file():
            return path / MODEL_NAME
        raise DglError(
            f"{path}: a folder without a {MODEL_NAME}; expected a model file, or the folder of a finished run"
        )
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file")
    with open(path, "rb") as file:
        start = file.read(9)
    # A safetensors file begins with the length of its header, which may be any bytes, and a brace.
    if start[8:] != b"{" and (start.startswith(b"PK") or start.startswith(b"\x80")):
        raise DglError(
            f"{path}: not a model file; if it is a checkpoint of PyTorch, `dgl import` makes one of it"
        )
    return path


def _metadata(file: SafetensorsFile) -> Dict[str, Any]:
    """The JSON object under "dgl", or a config.json beside a file whose metadata another program left out."""
    text = file.metadata.get("dgl")
    origin = f'{file.path}: the metadata "dgl"'
    settings = file.path.with_name(SETTINGS_NAME)
    if text is None and settings.is_file():
        text = settings.read_text(encoding="utf-8", errors="replace")
        origin = str(settings)
    if text is None:
        raise DglError(f'{file.path}: not a dgl model: the header\'s metadata has no "dgl"')
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise DglError(f"{origin} is not JSON") from None
    if not isinstance(value, dict):
        raise DglError(f"{origin} is not a JSON object")
    return value


def _family_name(settings: Any) -> Any:
    name = settings.get("family") if isinstance(settings, Mapping) else None
    return name if isinstance(name, str) else None


def _prefix(file: SafetensorsFile, slot: str) -> str:
    """What the names of the network's tensors begin with: those of its average if there are any; "" if it has none."""
    for prefix in (f"{slot}_ema.", f"{slot}."):
        if file.names(prefix):
            return prefix
    return ""


def _listed(names: List[str]) -> str:
    most = 3
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def _fill(network: nn.Module, file: SafetensorsFile, prefix: str) -> None:
    """Gives a network on the meta device the tensors of a file as float32. Raises DglError, before any is read, for
    tensors that are missing, unknown, of another shape or not floating-point."""
    expected = network.state_dict()
    found = file.names(prefix)
    missing = [prefix + name for name in expected if prefix + name not in file.entries]
    if missing:
        raise DglError(f"{file.path}: has no tensor {_listed(missing)}")
    unknown = [name for name in found if name[len(prefix) :] not in expected]
    if unknown:
        raise DglError(f"{file.path}: tensor {_listed(unknown)} is not known to the network")
    for name, tensor in expected.items():
        entry = file.entries[prefix + name]
        if entry.shape != tuple(tensor.shape):
            raise DglError(
                f"{file.path}: tensor {prefix}{name} has shape {list(entry.shape)}, expected {list(tensor.shape)}"
            )
        if entry.dtype not in ("F64", "F32", "F16", "BF16"):
            raise DglError(f"{file.path}: tensor {prefix}{name} holds no floating-point numbers")
    for path, module in network.named_modules():
        where = f"{prefix}{path}." if path else prefix
        for name, parameter in module._parameters.items():
            if parameter is not None:
                module._parameters[name] = nn.Parameter(file.tensor(where + name).float())
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = file.tensor(where + name).float()
