"""The layers of the U-Net of denoising diffusion (Ho et al. 2020, arXiv 2006.11239), which latent diffusion's
autoencoder is built of too (Rombach et al. 2022, arXiv 2112.10752), as src/dgl/nn/unet_layers.cpp computes them."""

from __future__ import annotations

import math
from typing import List, Optional

import torch
import torch.nn.functional as F
from torch import nn

from .model import META
from .settings import MAX_BLOCKS, MAX_LEVELS, MAX_MAPS, Settings, check_levels

NORM_EPSILON = 1e-6


class UNetShape:
    """Settings that such networks have in common (src/dgl/nn/unet_shape.cpp)."""

    def __init__(self, settings: Settings) -> None:
        self.resolution = settings.integer("resolution", 1, 4096)
        self.img_channels = settings.integer("img_channels", 1, 4)
        self.first_channels = settings.integer("first_channels", 1, MAX_MAPS)
        self.channels = settings.integers("channels", 1, MAX_MAPS, MAX_LEVELS)
        check_levels(settings, self.resolution, len(self.channels))
        self.blocks = settings.integer("blocks", 1, MAX_BLOCKS)
        self.attention = settings.integers("attention", 0, len(self.channels) - 1, MAX_LEVELS)
        self.most_groups = settings.integer("groups", 1, MAX_MAPS)
        self.group_channels = settings.integer("group_channels", 1, MAX_MAPS)

    @property
    def levels(self) -> int:
        return len(self.channels)

    def norm(self, channels: int) -> nn.GroupNorm:
        """A group norm with the largest number of groups that divides the channels, is at most ``groups`` and leaves
        ``group_channels`` or more to each."""
        groups = max(1, min(self.most_groups, channels // self.group_channels))
        while channels % groups:
            groups -= 1
        return nn.GroupNorm(groups, channels, eps=NORM_EPSILON, device=META)


def convolution(inputs: int, outputs: int, kernel: int, *, stride: int = 1, padding: Optional[int] = None,
                bias: bool = True, groups: int = 1) -> nn.Conv2d:
    """A convolution, which keeps the size unless it says otherwise."""
    around = kernel // 2 if padding is None else padding
    return nn.Conv2d(inputs, outputs, kernel, stride, around, groups=groups, bias=bias, device=META)


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Self-attention of one head over all pixels: maps [N, C, H, W] each. Scores and softmax are float32."""
    q, k, v = (maps.flatten(2).float() for maps in (query, key, value))  # [N, C, P]
    scores = torch.bmm(q.transpose(1, 2), k) * (1 / math.sqrt(query.shape[1]))
    attended = torch.bmm(v, scores.softmax(-1).transpose(1, 2)).to(query.dtype)
    return attended.unflatten(2, query.shape[2:])


def even_frequencies(count: int, device: torch.device) -> torch.Tensor:
    """DDPM's frequencies [count] of times, evenly spaced in their logarithms from 1 to 1e-4."""
    places = torch.arange(count, dtype=torch.float32, device=device)
    return torch.exp(places * (-math.log(10000.0) / (count - 1)))


def waves_of(times: torch.Tensor, frequencies: torch.Tensor) -> torch.Tensor:
    """Sines and cosines [N, 2 F] of times [N] and frequencies [F], float32."""
    angles = times.float()[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], 1)


class ResidualBlock(nn.Module):
    """norm, SiLU, 3x3 convolution, twice, and the input beside it, through a 1x1 convolution if the channels change.

    With an embedding [N, E] a linear map of it is added between the convolutions.
    """

    def __init__(self, inputs: int, outputs: int, shape: UNetShape, embedding: int = 0) -> None:
        super().__init__()
        self.norm1 = shape.norm(inputs)
        self.conv1 = convolution(inputs, outputs, 3)
        self.temb_proj = nn.Linear(embedding, outputs, device=META) if embedding else None
        self.norm2 = shape.norm(outputs)
        self.conv2 = convolution(outputs, outputs, 3)
        self.nin_shortcut = convolution(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x: torch.Tensor, embedding: Optional[torch.Tensor] = None) -> torch.Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        if self.temb_proj is not None:
            h = h + self.temb_proj(embedding)[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        return (x if self.nin_shortcut is None else self.nin_shortcut(x)) + h


class AttentionBlock(nn.Module):
    """attend(), added to its input."""

    def __init__(self, channels: int, shape: UNetShape) -> None:
        super().__init__()
        self.norm = shape.norm(channels)
        self.q = convolution(channels, channels, 1)
        self.k = convolution(channels, channels, 1)
        self.v = convolution(channels, channels, 1)
        self.proj_out = convolution(channels, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.norm(x)
        return x + self.proj_out(attend(self.q(h), self.k(h), self.v(h)))


class MiddleBlocks(nn.Module):
    """What stands between the levels that halve and those that double the side."""

    def __init__(self, channels: int, shape: UNetShape, embedding: int = 0) -> None:
        super().__init__()
        self.block_1 = ResidualBlock(channels, channels, shape, embedding)
        self.attn_1 = AttentionBlock(channels, shape)
        self.block_2 = ResidualBlock(channels, channels, shape, embedding)

    def forward(self, x: torch.Tensor, embedding: Optional[torch.Tensor] = None) -> torch.Tensor:
        return self.block_2(self.attn_1(self.block_1(x, embedding)), embedding)


class Downsample(nn.Module):
    """A 3x3 convolution of stride 2 behind a row and column of zeros at the lower and right edges."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = convolution(channels, channels, 3, stride=2, padding=0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    """A 3x3 convolution behind nearest-neighbor upsampling to twice the size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = convolution(channels, channels, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Level(nn.Module):
    """The residual blocks of a level, each with attention behind it if ``attends``, and what changes the side after
    them: ``resampling`` is "downsample", "upsample" or ""."""

    def __init__(self, inputs: List[int], outputs: int, attends: bool, shape: UNetShape, resampling: str,
                 embedding: int = 0) -> None:
        super().__init__()
        self.block = nn.ModuleList(ResidualBlock(each, outputs, shape, embedding) for each in inputs)
        self.attn = nn.ModuleList(AttentionBlock(outputs, shape) for _ in inputs if attends)
        if resampling == "downsample":
            self.downsample = Downsample(outputs)
        elif resampling == "upsample":
            self.upsample = Upsample(outputs)

    def attended(self, place: int, x: torch.Tensor) -> torch.Tensor:
        return self.attn[place](x) if len(self.attn) else x

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The blocks one behind the other, without embedding and resampling."""
        for place, block in enumerate(self.block):
            x = self.attended(place, block(x))
        return x
