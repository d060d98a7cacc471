"""The denoisers of Song et al. 2021 (arXiv 2011.13456), DDPM++ and NCSN++, as NVlabs/edm builds them and
src/dgl/families/diffusion/song_denoiser.cpp computes them. Parameters have that program's names."""

from __future__ import annotations

import math
from typing import List, NamedTuple, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import nn

from .model import META
from .unet import UNetShape, attend, convolution, even_frequencies, waves_of

SUM_SCALE = math.sqrt(0.5)


class SongArchitecture(NamedTuple):
    """What distinguishes the two."""

    random_frequencies: bool
    """Whether times are embedded by frequencies that the network stores, or by DDPM's."""
    noise_multiple: int
    """Length of that embedding over the feature maps of the first convolution."""
    pyramid: bool
    """Whether smaller and smaller images are added to feature maps of the way down."""
    taps: Tuple[float, ...]
    """Of the filter by which feature maps are resampled; they sum to 1."""


SONG_ARCHITECTURES = {
    "ddpm++": SongArchitecture(False, 1, False, (0.5, 0.5)),
    "ncsn++": SongArchitecture(True, 2, True, (1 / 8, 3 / 8, 3 / 8, 1 / 8)),
}


def filtered(x: torch.Tensor, taps: Tuple[float, ...], *, up: bool = False, stride: int = 1,
             padding: int = 0) -> torch.Tensor:
    """Each channel filtered along both axes; ``up`` doubles the size."""
    line = torch.tensor(taps, dtype=torch.float64)
    square = torch.outer(line, line) * (4 if up else 1)
    kernel = square.to(device=x.device, dtype=x.dtype).expand(x.shape[1], 1, -1, -1)
    resample = F.conv_transpose2d if up else F.conv2d
    return resample(x, kernel, stride=2 if up else stride, padding=padding, groups=x.shape[1])


class SongBlock(nn.Module):
    """norm, SiLU, resampling, 3x3 convolution, a linear map of the embedding, norm, SiLU, 3x3 convolution, and the input
    beside it; then self-attention of one head, if it attends. Sums are scaled by the square root of a half."""

    def __init__(self, inputs: int, outputs: int, shape: UNetShape, embedding: int, taps: Tuple[float, ...],
                 resizing: str = "", attends: bool = False) -> None:
        super().__init__()
        self.resizing, self.taps = resizing, taps
        self.norm0 = shape.norm(inputs)
        self.conv0 = convolution(inputs, outputs, 3)
        self.affine = nn.Linear(embedding, outputs, device=META)
        self.norm1 = shape.norm(outputs)
        self.conv1 = convolution(outputs, outputs, 3)
        self.skip = convolution(inputs, outputs, 1) if resizing or inputs != outputs else None
        self.norm2 = shape.norm(outputs) if attends else None
        self.qkv = convolution(outputs, 3 * outputs, 1) if attends else None
        self.proj = convolution(outputs, outputs, 1) if attends else None

    def resized(self, x: torch.Tensor) -> torch.Tensor:
        if not self.resizing:
            return x
        padding = (len(self.taps) - 1) // 2
        return filtered(x, self.taps, up=self.resizing == "twice", stride=2, padding=padding)

    def forward(self, x: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        h = self.conv0(self.resized(F.silu(self.norm0(x))))
        h = h + self.affine(embedding)[:, :, None, None]
        h = self.conv1(F.silu(self.norm1(h)))
        h = (h + (x if self.skip is None else self.skip(self.resized(x)))) * SUM_SCALE
        if self.qkv is None:
            return h
        # Channels of the products come in threes: a query, a key and a value.
        query, key, value = self.qkv(self.norm2(h)).unflatten(1, (h.shape[1], 3)).unbind(2)
        return (h + self.proj(attend(query, key, value))) * SUM_SCALE


class PyramidLayer(nn.Module):
    """A smaller image of an image or of feature maps: filtered, and a 3x3 convolution of stride 2."""

    def __init__(self, inputs: int, outputs: int, taps: Tuple[float, ...]) -> None:
        super().__init__()
        self.taps = taps
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 3, 3, device=META))
        self.bias = nn.Parameter(torch.empty(outputs, device=META))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        around = 1 + (len(self.taps) - 1) // 2
        return F.conv2d(filtered(x, self.taps, padding=around), self.weight, self.bias, stride=2)


class Parameters(nn.Module):
    """Parameters or a buffer under a name of their own."""

    def __init__(self, buffers: bool = False, **shapes: Tuple[int, ...]) -> None:
        super().__init__()
        for name, shape in shapes.items():
            tensor = torch.empty(shape, device=META)
            if buffers:
                self.register_buffer(name, tensor)
            else:
                self.register_parameter(name, nn.Parameter(tensor))


class SongDenoiser(nn.Module):
    """The network F: noisy images [N, C, R, R], times [N] and labels [N] to what it predicts."""

    noise_factor = 0.25
    """EDM's c_noise over ln sigma."""

    def __init__(self, shape: UNetShape, classes: int, architecture: SongArchitecture) -> None:
        super().__init__()
        self.architecture, self.classes = architecture, classes
        waves, embedding = architecture.noise_multiple * shape.first_channels, 4 * shape.first_channels
        self.frequencies = waves // 2
        taps = architecture.taps
        if architecture.random_frequencies:
            self.map_noise = Parameters(buffers=True, freqs=(self.frequencies,))
        if classes:
            self.map_label = Parameters(weight=(waves, classes), bias=(waves,))
        self.map_layer0 = nn.Linear(waves, embedding, device=META)
        self.map_layer1 = nn.Linear(embedding, embedding, device=META)
        self.enc, self.dec = nn.ModuleDict(), nn.ModuleDict()
        side = f"{shape.resolution}x{shape.resolution}"
        self.first = f"{side}_conv"
        self.enc[self.first] = convolution(shape.img_channels, shape.first_channels, 3)
        self.down: List[Tuple[str, Optional[str]]] = []  # blocks, and what adds a smaller image behind them
        inputs, image, skips = shape.first_channels, shape.img_channels, [shape.first_channels]
        for level, outputs in enumerate(shape.channels):
            side = f"{shape.resolution >> level}x{shape.resolution >> level}"
            if level:
                block = SongBlock(inputs, inputs, shape, embedding, taps, resizing="halve")
                self.enc[f"{side}_down"] = block
                aux = f"{side}_aux_residual" if architecture.pyramid else None
                if aux:
                    self.enc[aux] = PyramidLayer(image, inputs, taps)
                self.down.append((f"{side}_down", aux))
                image = inputs
                skips.append(inputs)
            for i in range(shape.blocks):
                self.enc[f"{side}_block{i}"] = SongBlock(inputs, outputs, shape, embedding, taps,
                                                         attends=level in shape.attention)
                self.down.append((f"{side}_block{i}", None))
                inputs = outputs
                skips.append(inputs)
        self.up: List[Tuple[str, bool]] = []  # blocks, and whether they take feature maps of the way down beside theirs
        for level in reversed(range(shape.levels)):
            side = f"{shape.resolution >> level}x{shape.resolution >> level}"
            if level + 1 == shape.levels:
                self.dec[f"{side}_in0"] = SongBlock(inputs, inputs, shape, embedding, taps, attends=True)
                self.dec[f"{side}_in1"] = SongBlock(inputs, inputs, shape, embedding, taps)
                self.up += [(f"{side}_in0", False), (f"{side}_in1", False)]
            else:
                self.dec[f"{side}_up"] = SongBlock(inputs, inputs, shape, embedding, taps, resizing="twice")
                self.up.append((f"{side}_up", False))
            outputs = shape.channels[level]
            for i in range(shape.blocks + 1):
                attends = i == shape.blocks and level in shape.attention
                self.dec[f"{side}_block{i}"] = SongBlock(inputs + skips.pop(), outputs, shape, embedding, taps,
                                                         attends=attends)
                self.up.append((f"{side}_block{i}", True))
                inputs = outputs
        self.last = f"{shape.resolution}x{shape.resolution}_aux_"
        self.dec[f"{self.last}norm"] = shape.norm(inputs)
        self.dec[f"{self.last}conv"] = convolution(inputs, shape.img_channels, 3)

    def embed(self, times: torch.Tensor, labels: Optional[torch.Tensor]) -> torch.Tensor:
        """What all blocks know of times and labels."""
        if self.architecture.random_frequencies:
            frequencies = 2 * math.pi * self.map_noise.freqs.float()
        else:
            frequencies = even_frequencies(self.frequencies, times.device)
        embedding = waves_of(times, frequencies).to(self.map_layer0.weight.dtype)
        if self.classes:
            # Labels are vectors with the square root of their number in one place.
            rows = self.map_label.weight.t().index_select(0, labels)
            embedding = embedding + (rows * math.sqrt(self.classes) + self.map_label.bias)
        return F.silu(self.map_layer1(F.silu(self.map_layer0(embedding))))

    def forward(self, x: torch.Tensor, times: torch.Tensor, labels: Optional[torch.Tensor] = None) -> torch.Tensor:
        embedding = self.embed(times, labels)
        image = x
        skips = [self.enc[self.first](x)]
        for name, aux in self.down:
            h = self.enc[name](skips[-1], embedding)
            if aux:
                h = image = (h + self.enc[aux](image)) * SUM_SCALE
            skips.append(h)
        h = skips[-1]
        for name, beside in self.up:
            h = self.dec[name](torch.cat([h, skips.pop()], 1) if beside else h, embedding)
        return self.dec[f"{self.last}conv"](F.silu(self.dec[f"{self.last}norm"](h)))
