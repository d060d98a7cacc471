"""What the modules of all families have in common."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, Optional, Tuple

import torch
from torch import nn

from .errors import DglError

META = torch.device("meta")
"""Where networks are built: their tensors have shapes alone until dgl.load() puts those of the file in their place."""


class GenerativeModel(nn.Module):
    """A generative model of a file of `dgl`, in evaluation mode, with the tensors and names of the file.

    Images are [N, C, H, W] in about -1..1 and are not clamped. Modules are plain PyTorch: move them with ``to``, change
    their type with ``half`` or ``bfloat16``. Inputs have to be on the module's device; they may be of another type.

    Attributes:
        family: "stylegan2", "biggan", "vae", "diffusion" or "cyclegan".
        resolution, channels: side of the images in pixels, and 1 (gray) or 3 (RGB).
        num_classes: number of labels; 0 for a model without.
        latent_shape: of one image's latents; empty for a model that takes none.
        settings: of each network, as the file's metadata holds them (docs/formats.md).
        info: what the file says of the model's origin.
    """

    family: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__()
        self.resolution = 0
        self.channels = 0
        self.num_classes = 0
        self.latent_shape: Tuple[int, ...] = ()
        self.settings: Dict[str, Dict[str, Any]] = {}
        self.info: Dict[str, Any] = {}

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype

    def check_labels(self, labels: Optional[torch.Tensor]) -> None:
        """Raises DglError for labels of a model without, or none for one with."""
        if self.num_classes and labels is None:
            raise DglError(f"the model has {self.num_classes} labels and needs one for every image")
        if not self.num_classes and labels is not None:
            raise DglError("labels: the model has none")

    def extra_repr(self) -> str:
        labels = f", num_classes={self.num_classes}" if self.num_classes else ""
        return f"family={self.family}, resolution={self.resolution}, channels={self.channels}{labels}"
