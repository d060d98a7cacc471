"""BigGAN's generator (Brock et al. 2019, arXiv 1809.11096), as src/dgl/families/biggan/networks.cpp computes it.

Batch norm uses the stored statistics and power iterations are not advanced, in training mode too: the module is for
drawing images and for fine-tuning with frozen statistics.
"""

from __future__ import annotations

from typing import Dict, Optional, Sequence

import torch
import torch.nn.functional as F
from torch import nn

from .model import META, GenerativeModel
from .sampling import Labels, batches, draw_latents, labels_of
from .settings import MAX_BLOCKS, MAX_MAPS, Settings

NORM_EPSILON = 1e-5
SPECTRAL_EPSILON = 1e-8
LEAST_ATTENTION_MAPS = 8


class SpectralWeight(nn.Module):
    """A weight [rows, ...] that is divided by an estimate of its largest singular value (Miyato et al. 2018,
    arXiv 1802.05957), of one power iteration that starts at the stored vector ``u0`` [1, rows]; perhaps with a bias."""

    u0: torch.Tensor

    def __init__(self, sizes: Sequence[int], bias: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(*sizes, device=META))
        self.bias = nn.Parameter(torch.empty(sizes[0], device=META)) if bias else None
        self.register_buffer("u0", torch.empty(1, sizes[0], device=META))

    def normalized(self) -> torch.Tensor:
        matrix = self.weight.flatten(1).float()
        with torch.no_grad():
            v = torch.mv(matrix.t(), self.u0.view(-1).float())
            v = v / v.norm().clamp_min(SPECTRAL_EPSILON)
        product = torch.mv(matrix, v)
        with torch.no_grad():
            u = product / product.norm().clamp_min(SPECTRAL_EPSILON)
        return (self.weight.float() / torch.dot(u, product)).to(self.weight.dtype)


class SpectralConv(SpectralWeight):
    """A convolution that keeps the size, by such a weight."""

    def __init__(self, inputs: int, outputs: int, kernel: int, bias: bool = True) -> None:
        super().__init__((outputs, inputs, kernel, kernel), bias)
        self.padding = kernel // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, self.normalized(), self.bias, padding=self.padding)


class SpectralLinear(SpectralWeight):
    def __init__(self, inputs: int, outputs: int, bias: bool = False) -> None:
        super().__init__((outputs, inputs), bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.normalized(), self.bias)


class BatchNorm(nn.Module):
    """Normalizes [N, C, H, W] by stored statistics."""

    stored_mean: torch.Tensor
    stored_var: torch.Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("stored_mean", torch.empty(channels, device=META))
        self.register_buffer("stored_var", torch.empty(channels, device=META))

    def normalized(self, x: torch.Tensor) -> torch.Tensor:
        return F.batch_norm(x, self.stored_mean, self.stored_var, eps=NORM_EPSILON)


class LastNorm(BatchNorm):
    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.gain = nn.Parameter(torch.empty(channels, device=META))
        self.bias = nn.Parameter(torch.empty(channels, device=META))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.normalized(x) * self.gain[:, None, None] + self.bias[:, None, None]


class ConditionalBatchNorm(BatchNorm):
    """Batch norm whose gain and bias are linear functions of a condition [N, D], or tables with a row for a label."""

    def __init__(self, channels: int, condition_dim: int, num_classes: int) -> None:
        super().__init__(channels)
        self.gain: nn.Module
        self.bias: nn.Module
        if condition_dim:
            self.gain = SpectralLinear(condition_dim, channels)
            self.bias = SpectralLinear(condition_dim, channels)
        else:
            self.gain = nn.Embedding(num_classes, channels, device=META)
            self.bias = nn.Embedding(num_classes, channels, device=META)

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        gain = 1 + self.gain(condition)
        return self.normalized(x) * gain[:, :, None, None] + self.bias(condition)[:, :, None, None]


class SelfAttention(nn.Module):
    """Self-attention over pixels (Zhang et al. 2019, arXiv 1805.08318) with keys and values pooled by two; the softmax
    is computed in float32."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.theta = SpectralConv(channels, channels // 8, 1, bias=False)
        self.phi = SpectralConv(channels, channels // 8, 1, bias=False)
        self.g = SpectralConv(channels, channels // 2, 1, bias=False)
        self.o = SpectralConv(channels // 2, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.empty((), device=META))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query = self.theta(x).flatten(2)  # [N, C/8, P]
        key = F.max_pool2d(self.phi(x), 2).flatten(2)  # [N, C/8, P/4]
        value = F.max_pool2d(self.g(x), 2).flatten(2)  # [N, C/2, P/4]
        weights = torch.bmm(query.transpose(1, 2), key).softmax(-1, dtype=torch.float32).to(x.dtype)
        attended = torch.bmm(value, weights.transpose(1, 2))
        return x + self.gamma * self.o(attended.unflatten(2, x.shape[2:]))


class GeneratorBlock(nn.Module):
    """A residual block that doubles the side: norm, ReLU, nearest upsampling, convolution, norm, ReLU, convolution."""

    def __init__(self, inputs: int, outputs: int, condition_dim: int, num_classes: int) -> None:
        super().__init__()
        self.bn1 = ConditionalBatchNorm(inputs, condition_dim, num_classes)
        self.conv1 = SpectralConv(inputs, outputs, 3)
        self.bn2 = ConditionalBatchNorm(outputs, condition_dim, num_classes)
        self.conv2 = SpectralConv(outputs, outputs, 3)
        self.conv_sc = SpectralConv(inputs, outputs, 1)

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        y = F.interpolate(F.relu(self.bn1(x, condition)), scale_factor=2.0, mode="nearest")
        y = self.conv2(F.relu(self.bn2(self.conv1(y), condition)))
        # A 1x1 convolution commutes with nearest upsampling. Before it, it costs a quarter.
        return y + F.interpolate(self.conv_sc(x), scale_factor=2.0, mode="nearest")


class BigGAN(GenerativeModel):
    """A BigGAN generator.

    Attributes beside those of GenerativeModel:
        z_dim: length of a latent. A hierarchical generator gives every block a chunk of it.
    """

    family = "biggan"

    def __init__(self, networks: Dict[str, Settings]) -> None:
        super().__init__()
        settings = networks["generator"]
        self.resolution = settings.power_of_two()
        self.channels = settings.integer("img_channels", 1, 4)
        self.num_classes = settings.integer("classes", 1, 1_000_000)
        self.z_dim = settings.integer("z_dim", 1, MAX_MAPS)
        self.latent_shape = (self.z_dim,)
        self.hierarchical = settings.boolean("hierarchical", default=False)
        self.first_channels = settings.integer("first_channels", 1, MAX_MAPS)
        shared_dim = settings.integer("shared_dim", 0, MAX_MAPS)
        channels = settings.integers("channels", 1, MAX_MAPS, MAX_BLOCKS)
        if 4 << len(channels) != self.resolution:
            raise settings.fail("channels", f"as many numbers as make {self.resolution} pixels of 4 by doubling")
        parts = len(channels) + 1 if self.hierarchical else 1
        if self.hierarchical and (shared_dim == 0 or self.z_dim % parts):
            raise settings.fail("hierarchical", f"a shared_dim and {parts} equal chunks of z_dim = {self.z_dim}")
        self.chunk = self.z_dim // parts
        attention = settings.integers("attention", 0, len(channels) - 1, MAX_BLOCKS)
        if any(channels[place] < LEAST_ATTENTION_MAPS for place in attention):
            raise settings.fail("attention", f"blocks of {LEAST_ATTENTION_MAPS} feature maps or more")

        condition_dim = shared_dim + (self.chunk if self.hierarchical else 0)
        self.shared = nn.Embedding(self.num_classes, shared_dim, device=META) if shared_dim else None
        self.linear = SpectralLinear(self.chunk, 16 * self.first_channels, bias=True)
        self.blocks = nn.ModuleList()
        inputs = self.first_channels
        for place, outputs in enumerate(channels):
            block = nn.ModuleList([GeneratorBlock(inputs, outputs, condition_dim, self.num_classes)])
            if place in attention:
                block.append(SelfAttention(outputs))
            self.blocks.append(block)
            inputs = outputs
        last = SpectralConv(inputs, self.channels, 3)
        self.output_layer = nn.Sequential(LastNorm(inputs), nn.ReLU(), last, nn.Tanh())

    def forward(self, z: torch.Tensor, labels: Optional[torch.Tensor] = None, *, truncation: float = 1) -> torch.Tensor:
        """Images [N, C, R, R] in -1..1 of latents z [N, z_dim], times ``truncation``, and labels [N]."""
        self.check_labels(labels)
        z = z.to(self.dtype) * truncation
        label = labels if self.shared is None else self.shared(labels)
        chunks = z.split(self.chunk, 1)
        x = self.linear(chunks[0]).view(z.shape[0], self.first_channels, 4, 4)
        for place, block in enumerate(self.blocks):
            condition = torch.cat([label, chunks[place + 1]], 1) if self.hierarchical else label
            x = block[0](x, condition)
            if len(block) > 1:
                x = block[1](x)
        return self.output_layer(x)

    @torch.no_grad()
    def sample(
        self,
        count: int,
        *,
        seed: int = 0,
        labels: Labels = None,
        truncation: float = 1,
        batch_size: Optional[int] = None,
    ) -> torch.Tensor:
        """The images [count, C, R, R] of `dgl sample -n COUNT --seed SEED --psi TRUNCATION`, float32 on the CPU.

        ``labels``: one for all images, one for each, or None for those of the seed.
        """
        z = draw_latents(self.latent_shape, count, seed)
        given = labels_of(labels, self.num_classes, count, seed)
        assert given is not None
        images = []
        for part in batches(count, self.resolution, batch_size):
            made = self(z[part].to(self.device), given[part].to(self.device), truncation=truncation)
            images.append(made.float().cpu())
        return torch.cat(images)
