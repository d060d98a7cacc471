"""Autoencoders: latent diffusion's AutoencoderKL (Rombach et al. 2022, arXiv 2112.10752) and TAESD's of convolutions
and ReLU alone, as src/dgl/families/vae/ computes them."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Union

import torch
from torch import nn

from .errors import DglError
from .model import GenerativeModel
from .sampling import batches, draw_latents
from .settings import MAX_BLOCKS, MAX_LEVELS, MAX_MAPS, Settings, check_levels
from .unet import Level, MiddleBlocks, UNetShape, convolution

LARGEST_LATENT = 3


class Posterior(NamedTuple):
    """A normal distribution of latents for each image, with independent coordinates."""

    mean: torch.Tensor
    """[N, C, h, w]"""
    log_variance: Optional[torch.Tensor]
    """The same, in -30..20; None for an encoder that gives points."""

    def sample(self, generator: Optional[torch.Generator] = None) -> torch.Tensor:
        if self.log_variance is None:
            return self.mean
        mean = self.mean
        noise = torch.randn(mean.shape, generator=generator, device=mean.device, dtype=torch.float32)
        return mean + torch.exp(self.log_variance / 2) * noise.to(mean.dtype)


class KlShape(UNetShape):
    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.z_channels = settings.integer("z_channels", 1, MAX_MAPS)
        self.latent_channels = settings.integer("embed_dim", 1, MAX_MAPS)


class KlEncoder(nn.Module):
    """Images [N, C, H, W] to means and logarithms of variances [N, 2 C, h, w] (kl_networks.cpp)."""

    def __init__(self, shape: KlShape) -> None:
        super().__init__()
        self.conv_in = convolution(shape.img_channels, shape.first_channels, 3)
        self.down = nn.ModuleList()
        inputs = shape.first_channels
        for level, outputs in enumerate(shape.channels):
            resampling = "downsample" if level + 1 < shape.levels else ""
            each = [inputs] + [outputs] * (shape.blocks - 1)
            self.down.append(Level(each, outputs, level in shape.attention, shape, resampling))
            inputs = outputs
        self.mid = MiddleBlocks(inputs, shape)
        self.norm_out = shape.norm(inputs)
        self.conv_out = convolution(inputs, 2 * shape.z_channels, 3)
        self.quant_conv = convolution(2 * shape.z_channels, 2 * shape.latent_channels, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.conv_in(images)
        for place, level in enumerate(self.down):
            x = level(x)
            if place + 1 < len(self.down):
                x = level.downsample(x)
        return self.quant_conv(self.conv_out(nn.functional.silu(self.norm_out(self.mid(x)))))


class KlDecoder(nn.Module):
    """Latents [N, C, h, w] to images (kl_networks.cpp). A level has one block more than the encoder's."""

    def __init__(self, shape: KlShape) -> None:
        super().__init__()
        inputs = shape.channels[-1]
        self.post_quant_conv = convolution(shape.latent_channels, shape.z_channels, 1)
        self.conv_in = convolution(shape.z_channels, inputs, 3)
        self.mid = MiddleBlocks(inputs, shape)
        levels: List[nn.Module] = []
        for level in reversed(range(shape.levels)):
            outputs = shape.channels[level]
            each = [inputs] + [outputs] * shape.blocks
            levels.insert(0, Level(each, outputs, level in shape.attention, shape, "upsample" if level else ""))
            inputs = outputs
        self.up = nn.ModuleList(levels)
        self.norm_out = shape.norm(inputs)
        self.conv_out = convolution(inputs, shape.img_channels, 3)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        x = self.mid(self.conv_in(self.post_quant_conv(latents)))
        for place in reversed(range(len(self.up))):
            level = self.up[place]
            x = level(x)
            if place:
                x = level.upsample(x)
        return self.conv_out(nn.functional.silu(self.norm_out(x)))


class TinyShape:
    """Settings of TAESD's kind (src/dgl/families/vae/tiny_shape.cpp)."""

    def __init__(self, settings: Settings) -> None:
        self.resolution = settings.integer("resolution", 1, 4096)
        self.img_channels = settings.integer("img_channels", 1, 4)
        self.channels = settings.integers("channels", 1, MAX_MAPS, MAX_LEVELS)
        check_levels(settings, self.resolution, len(self.channels))
        self.blocks = settings.integer("blocks", 1, MAX_BLOCKS)
        self.latent_channels = settings.integer("z_channels", 1, MAX_MAPS)

    @property
    def levels(self) -> int:
        return len(self.channels)


class TinyBlock(nn.Module):
    """Three 3x3 convolutions with ReLU between them and behind their sum with the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        layers: List[nn.Module] = []
        for _ in range(3):
            layers += [convolution(channels, channels, 3), nn.ReLU()]
        self.conv = nn.Sequential(*layers[:-1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.conv(x))


class SoftClamp(nn.Module):
    """Latents smoothly within -3..3."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x / LARGEST_LATENT) * LARGEST_LATENT


class TinyEncoder(nn.Sequential):
    """Images [N, C, H, W] to latents [N, C, h, w] (tiny_networks.cpp)."""

    def __init__(self, shape: TinyShape) -> None:
        maps = shape.channels[0]
        layers: List[nn.Module] = [convolution(shape.img_channels, maps, 3), TinyBlock(maps)]
        for outputs in shape.channels[1:]:
            layers.append(convolution(maps, outputs, 3, stride=2, bias=False))
            layers += [TinyBlock(outputs) for _ in range(shape.blocks)]
            maps = outputs
        layers.append(convolution(maps, shape.latent_channels, 3))
        super().__init__(*layers)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward((images + 1) / 2)


class TinyDecoder(nn.Sequential):
    """Latents [N, C, h, w] to images (tiny_networks.cpp)."""

    def __init__(self, shape: TinyShape) -> None:
        maps = shape.channels[-1]
        layers: List[nn.Module] = [SoftClamp(), convolution(shape.latent_channels, maps, 3), nn.ReLU()]
        for outputs in reversed(shape.channels[:-1]):
            layers += [TinyBlock(maps) for _ in range(shape.blocks)]
            layers += [nn.Upsample(scale_factor=2.0, mode="nearest"), convolution(maps, outputs, 3, bias=False)]
            maps = outputs
        layers += [TinyBlock(maps), convolution(maps, shape.img_channels, 3)]
        super().__init__(*layers)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return super().forward(latents) * 2 - 1


Shape = Union[KlShape, TinyShape]


def _shape(settings: Settings) -> Shape:
    kind = settings.choice("architecture", ("kl", "tiny"), default="kl")  # earlier versions do not name it
    return KlShape(settings) if kind == "kl" else TinyShape(settings)


class VAE(GenerativeModel):
    """An autoencoder: ``encoder`` and ``decoder``, one of which a file may lack (then None).

    Attributes beside those of GenerativeModel:
        factor: by which a side of the latents is smaller than the image's.
        latent_shape: [C, h, w] of one image of ``resolution`` pixels; images of other sides that are multiples of
            ``factor`` are taken, too.
    """

    family = "vae"

    def __init__(self, networks: Dict[str, Settings]) -> None:
        super().__init__()
        shapes = {slot: _shape(settings) for slot, settings in networks.items()}
        sizes = {(s.img_channels, s.resolution, s.latent_channels, s.levels) for s in shapes.values()}
        if len(sizes) > 1:
            origin = next(iter(networks.values())).origin
            raise DglError(f"{origin}: the encoder and the decoder are of images and latents of different sizes")
        shape = next(iter(shapes.values()))
        self.resolution = shape.resolution
        self.channels = shape.img_channels
        self.factor = 2 ** (shape.levels - 1)
        side = shape.resolution // self.factor
        self.latent_shape = (shape.latent_channels, side, side)
        self.encoder: Optional[nn.Module] = None
        self.decoder: Optional[nn.Module] = None
        encoder, decoder = shapes.get("encoder"), shapes.get("decoder")
        if encoder is not None:
            self.encoder = KlEncoder(encoder) if isinstance(encoder, KlShape) else TinyEncoder(encoder)
        if decoder is not None:
            self.decoder = KlDecoder(decoder) if isinstance(decoder, KlShape) else TinyDecoder(decoder)

    def posterior(self, images: torch.Tensor) -> Posterior:
        """The distributions of the latents of images [N, C, H, W] whose sides are multiples of ``factor``."""
        if self.encoder is None:
            raise DglError("the model has no encoder")
        if images.shape[2] % self.factor or images.shape[3] % self.factor:
            raise DglError(
                f"images of {images.shape[3]} x {images.shape[2]} pixels: expected multiples of {self.factor}"
            )
        encoded = self.encoder(images.to(self.dtype))
        if isinstance(self.encoder, TinyEncoder):
            return Posterior(encoded, None)
        mean, log_variance = encoded.chunk(2, 1)
        return Posterior(mean, log_variance.clamp(-30, 20))

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """The means [N, C, h, w] of the latents of images."""
        return self.posterior(images).mean

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Images [N, C, H, W] of latents [N, C, h, w]."""
        if self.decoder is None:
            raise DglError("the model has no decoder")
        return self.decoder(latents.to(self.dtype))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The decoded means of the latents of images [N, C, H, W]."""
        return self.decode(self.encode(images))

    @torch.no_grad()
    def reconstruct(self, images: torch.Tensor, *, batch_size: Optional[int] = None) -> torch.Tensor:
        """The images [N, C, H, W] of `dgl reconstruct`, float32 on the CPU, batch by batch."""
        made = []
        for part in batches(images.shape[0], max(images.shape[2:]), batch_size):
            made.append(self(images[part].to(self.device)).float().cpu())
        return torch.cat(made)

    @torch.no_grad()
    def sample(
        self, count: int, *, seed: int = 0, truncation: float = 1, batch_size: Optional[int] = None
    ) -> torch.Tensor:
        """The images [count, C, R, R] of `dgl sample -n COUNT --seed SEED --psi TRUNCATION`, float32 on the CPU: of
        latents of a standard normal distribution times ``truncation``."""
        latents = draw_latents(self.latent_shape, count, seed) * truncation
        images = []
        for part in batches(count, self.resolution, batch_size):
            images.append(self.decode(latents[part].to(self.device)).float().cpu())
        return torch.cat(images)
