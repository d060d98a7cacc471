"""CycleGAN's generators (Zhu et al. 2017, arXiv 1703.10593), as src/dgl/families/cyclegan/ computes them: the ResNet of
Johnson et al. 2016 (arXiv 1603.08155) and the U-Net of Isola et al. 2017 (arXiv 1611.07004). Layers have the places of
that family's lists of layers (shape.h, unet_generator.cpp), which is where the tensors' names come from."""

from __future__ import annotations

from typing import Dict, List, Optional, Union

import torch
import torch.nn.functional as F
from torch import nn

from .errors import DglError
from .model import META, GenerativeModel
from .sampling import batches
from .settings import MAX_MAPS, Settings
from .unet import convolution

NORM_EPSILON = 1e-5
MOST_BLOCKS = 64
OUTER_LAYERS = 5
FEWEST_UNET_LEVELS, MOST_UNET_LEVELS = 2, 12
ARCHITECTURES = ("resnet", "mobile", "unet")
DIRECTIONS = ("a_to_b", "b_to_a")


class Reflect(nn.Module):
    """Mirrors ``edge`` pixels at each side, without the outermost: by slices, which exist for every type of numbers on
    every device."""

    def __init__(self, edge: int) -> None:
        super().__init__()
        self.edge = edge

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for dim in (2, 3):
            side = x.shape[dim]
            before = x.narrow(dim, 1, self.edge).flip(dim)
            after = x.narrow(dim, side - self.edge - 1, self.edge).flip(dim)
            x = torch.cat([before, x, after], dim)
        return x


def instance_norm(channels: int) -> nn.InstanceNorm2d:
    return nn.InstanceNorm2d(channels, eps=NORM_EPSILON)


class SeparableConvolution(nn.Module):
    """A depthwise 3x3 convolution, an instance norm and a 1x1 convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            convolution(inputs, inputs, 3, padding=0, groups=inputs),
            instance_norm(inputs),
            convolution(inputs, outputs, 1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x)


class ReflectingBlock(nn.Module):
    """A residual block of two convolutions at mirrored edges, each with an instance norm, and ReLU between them."""

    def __init__(self, channels: int, hidden: int, separable: bool) -> None:
        super().__init__()

        def layer(inputs: int, outputs: int) -> nn.Module:
            return SeparableConvolution(inputs, outputs) if separable else convolution(inputs, outputs, 3, padding=0)

        self.conv_block = nn.Sequential(
            Reflect(1),
            layer(channels, hidden),
            instance_norm(hidden),
            nn.ReLU(),
            Reflect(1),
            layer(hidden, channels),
            instance_norm(channels),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv_block(x)


class ResnetGenerator(nn.Module):
    """Images [N, C, H, W] of one domain to images of the other (networks.cpp). Sides are multiples of 4 from 8 on."""

    multiple, smallest = 4, 8

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.resolution = settings.integer("resolution", self.smallest, 4096)
        if self.resolution % self.multiple:
            raise settings.fail("resolution", f"a multiple of {self.multiple}")
        self.channels = settings.integer("img_channels", 1, 16)
        separable = settings.choice("architecture", ARCHITECTURES) == "mobile"
        maps = settings.integers("channels", 1, MAX_MAPS, OUTER_LAYERS)
        if len(maps) != OUTER_LAYERS:
            raise settings.fail("channels", f"{OUTER_LAYERS} numbers")
        hidden = settings.integers("hidden", 1, MAX_MAPS, MOST_BLOCKS)

        layers: List[nn.Module] = [Reflect(3), convolution(self.channels, maps[0], 7, padding=0)]
        layers += [instance_norm(maps[0]), nn.ReLU()]
        for inputs, outputs in zip(maps[:2], maps[1:3]):
            layers += [convolution(inputs, outputs, 3, stride=2), instance_norm(outputs), nn.ReLU()]
        layers += [ReflectingBlock(maps[2], width, separable) for width in hidden]
        for inputs, outputs in zip(maps[2:4], maps[3:5]):
            layers.append(nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1, device=META))
            layers += [instance_norm(outputs), nn.ReLU()]
        layers += [Reflect(3), convolution(maps[4], self.channels, 7, padding=0), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.model(images)


class StoredNorm(nn.Module):
    """Batch norm by stored statistics, in training mode too."""

    running_mean: torch.Tensor
    running_var: torch.Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, device=META))
        self.bias = nn.Parameter(torch.empty(channels, device=META))
        self.register_buffer("running_mean", torch.empty(channels, device=META))
        self.register_buffer("running_var", torch.empty(channels, device=META))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=NORM_EPSILON)


class UnetBlock(nn.Module):
    """A level of a U-Net: a convolution that halves the side, what is ``within``, and one that doubles it.

    All but the outermost give their input [N, outer, H, W] and, behind it, what they made of it: [N, 2 outer, H, W].
    """

    def __init__(
        self, outer: int, inner: int, batch_norm: bool, within: Optional["UnetBlock"], outermost: bool
    ) -> None:
        super().__init__()

        def norm(channels: int) -> nn.Module:
            return StoredNorm(channels) if batch_norm else instance_norm(channels)

        self.outermost = outermost
        down = convolution(outer, inner, 4, stride=2, padding=1, bias=not batch_norm)
        both = inner if within is None else 2 * inner
        up = nn.ConvTranspose2d(both, outer, 4, stride=2, padding=1, bias=outermost or not batch_norm, device=META)
        layers: List[nn.Module] = [down] if outermost else [nn.LeakyReLU(0.2), down]
        if within is not None:
            layers += [within] if outermost else [norm(inner), within]
        layers += [nn.ReLU(), up, nn.Tanh() if outermost else norm(outer)]
        self.model = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made = self.model(x)
        return made if self.outermost else torch.cat([x, made], 1)


class UnetGenerator(nn.Module):
    """Images [N, C, H, W] of one domain to images of the other (unet_generator.cpp). Sides are multiples of 2 to the
    power of the number of levels."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.channels = settings.integer("img_channels", 1, 16)
        maps = settings.integers("channels", 1, MAX_MAPS, MOST_UNET_LEVELS)
        if len(maps) < FEWEST_UNET_LEVELS:
            raise settings.fail("channels", f"at least {FEWEST_UNET_LEVELS} numbers")
        self.multiple = self.smallest = 2 ** len(maps)
        self.resolution = settings.integer("resolution", self.smallest, 4096)
        if self.resolution % self.multiple:
            raise settings.fail("resolution", f"a multiple of {self.multiple}")
        batch_norm = settings.choice("norm", ("batch", "instance")) == "batch"
        block: Optional[UnetBlock] = None
        for level in reversed(range(len(maps))):
            outer = maps[level - 1] if level else self.channels
            block = UnetBlock(outer, maps[level], batch_norm, block, outermost=level == 0)
        assert block is not None
        self.model = block

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.model(images)


def _generator(settings: Settings) -> Union[ResnetGenerator, UnetGenerator]:
    unet = settings.choice("architecture", ARCHITECTURES) == "unet"
    return UnetGenerator(settings) if unet else ResnetGenerator(settings)


class CycleGAN(GenerativeModel):
    """A CycleGAN: ``generator_a_to_b`` and ``generator_b_to_a``, one of which a file may lack.

    Attributes beside those of GenerativeModel:
        directions: those that the file has, of "a_to_b" and "b_to_a".
    """

    family = "cyclegan"

    def __init__(self, networks: Dict[str, Settings]) -> None:
        super().__init__()
        self.directions = [name for name in DIRECTIONS if f"generator_{name}" in networks]
        for name in self.directions:
            generator = _generator(networks[f"generator_{name}"])
            self.add_module(f"generator_{name}", generator)
            self.resolution = self.resolution or generator.resolution
            self.channels = generator.channels

    def forward(self, images: torch.Tensor, direction: str = "a_to_b") -> torch.Tensor:
        """The translations [N, C, H, W] in -1..1 of images, whose sides are multiples of 4 from 8 on, or
        of U-Nets of 2 to the power of the number of levels."""
        if direction not in self.directions:
            raise DglError(f"direction = {direction!r}: the model has {' and '.join(self.directions)}")
        generator = getattr(self, f"generator_{direction}")
        multiple, smallest = generator.multiple, generator.smallest
        height, width = images.shape[2:]
        if height % multiple or width % multiple or min(height, width) < smallest:
            raise DglError(
                f"images of {width} x {height} pixels: expected multiples of {multiple} from {smallest} on"
            )
        return generator(images.to(self.dtype))

    @torch.no_grad()
    def translate(
        self, images: torch.Tensor, direction: str = "a_to_b", *, batch_size: int | None = None
    ) -> torch.Tensor:
        """The images [N, C, H, W] of `dgl translate --direction DIRECTION`, float32 on the CPU, batch by batch."""
        made = []
        for part in batches(images.shape[0], max(images.shape[2:]), batch_size):
            made.append(self(images[part].to(self.device), direction).float().cpu())
        return torch.cat(made)

    def sample(self, count: int, **options: object) -> torch.Tensor:
        """Raises DglError: a CycleGAN draws nothing, it translates images."""
        raise DglError("a cyclegan draws no images of its own; expected translate(images, direction)")
