"""StyleGAN2's generator (Karras et al. 2020, arXiv 1912.04958), as src/dgl/families/stylegan2/networks.cpp computes it.

Config-f: output skips, no progressive growing. The mapping of labels is that of StyleGAN2-ADA (arXiv 2006.06676).
"""

from __future__ import annotations

import math
from typing import Dict, List, Optional

import torch
import torch.nn.functional as F
from torch import nn

from .errors import DglError
from .model import META, GenerativeModel
from .sampling import NOISE_STREAM, Labels, batches, draw_latents, generator_of, labels_of, stream_seed
from .settings import Settings

EPSILON = 1e-8
SLOPE = 0.2
"""Of leaky ReLU on the negative side; it is followed by a gain of sqrt(2)."""
MAPPING_LEARNING_RATE = 0.01
MOST_MAPS = 4096
MOST_LAYERS = 64
NOISES = ("const", "random", "none")


def activated(x: torch.Tensor) -> torch.Tensor:
    return F.leaky_relu(x, SLOPE) * math.sqrt(2)


def unit_square(x: torch.Tensor) -> torch.Tensor:
    """x [N, C] over the root of its mean square, computed in float32."""
    wide = x.float()
    return (wide * torch.rsqrt(wide.square().mean(1, keepdim=True) + EPSILON)).to(x.dtype)


def fir_kernel(x: torch.Tensor) -> torch.Tensor:
    """The filter [1, 3, 3, 1] / 8 in both directions, times the 4 that make up for inserted zeros: [C, 1, 4, 4] for
    feature maps x [N, C, H, W]."""
    taps = torch.tensor([0.25, 0.75, 0.75, 0.25], dtype=x.dtype, device=x.device)
    return torch.outer(taps, taps).expand(x.shape[1], 1, 4, 4)


def upsample_image(x: torch.Tensor) -> torch.Tensor:
    """Images [N, C, H, W] at twice the size: zeros inserted, then filtered (arXiv 1912.04958, appendix B)."""
    return F.conv_transpose2d(x, fir_kernel(x), stride=2, padding=1, groups=x.shape[1])


class EqualLinear(nn.Module):
    """A linear layer with equalized learning rate (Karras et al. 2018, arXiv 1710.10196, section 4.1):

    y = x (W rate / sqrt(in))^T + b rate, then leaky ReLU if ``activate``.
    """

    def __init__(self, inputs: int, outputs: int, activate: bool = False, rate: float = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, device=META))
        self.bias = nn.Parameter(torch.empty(outputs, device=META))
        self.weight_gain = rate / math.sqrt(inputs)
        self.bias_gain = rate
        self.activate = activate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)
        return activated(y) if self.activate else y

    def embed(self, labels: torch.Tensor) -> torch.Tensor:
        """The layer's output [N, out] for one-hot inputs whose ones are at ``labels`` [N]."""
        return F.embedding(labels, self.weight.t()) * self.weight_gain + self.bias * self.bias_gain


class Mapping(nn.Module):
    """Maps latents z [N, z_dim] and, in a conditional model, labels [N] to styles w [N, w_dim]."""

    w_avg: torch.Tensor

    def __init__(self, z_dim: int, widths: List[int], num_classes: int, embed_dim: int) -> None:
        super().__init__()
        self.layers = len(widths)
        self.embed = EqualLinear(num_classes, embed_dim) if num_classes else None
        inputs = z_dim + embed_dim
        for i, outputs in enumerate(widths):
            self.add_module(f"fc{i}", EqualLinear(inputs, outputs, activate=True, rate=MAPPING_LEARNING_RATE))
            inputs = outputs
        self.register_buffer("w_avg", torch.empty(widths[-1], device=META))

    def forward(self, z: torch.Tensor, labels: Optional[torch.Tensor]) -> torch.Tensor:
        w = unit_square(z)
        if self.embed is not None and labels is not None:
            w = torch.cat([w, unit_square(self.embed.embed(labels))], 1)
        for i in range(self.layers):
            w = getattr(self, f"fc{i}")(w)
        return w


class SynthesisLayer(nn.Module):
    """A modulated and demodulated 3x3 convolution with noise, bias and leaky ReLU (arXiv 1912.04958, eq. 1 and 3).

    The input is modulated and the output demodulated around one dense convolution, which equals a convolution with
    weights for each image.
    """

    noise_const: torch.Tensor

    def __init__(self, inputs: int, outputs: int, w_dim: int, resolution: int, up: bool) -> None:
        super().__init__()
        self.affine = EqualLinear(w_dim, inputs)
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 3, 3, device=META))
        self.bias = nn.Parameter(torch.empty(outputs, device=META))
        self.noise_strength = nn.Parameter(torch.empty((), device=META))
        self.register_buffer("noise_const", torch.empty(resolution, resolution, device=META))
        self.resolution = resolution
        self.up = up

    def forward(
        self, x: torch.Tensor, w: torch.Tensor, noise: str, generator: Optional[torch.Generator]
    ) -> torch.Tensor:
        styles = self.affine(w)
        squares = self.weight.float().square().sum((2, 3)).t()
        demodulation = torch.rsqrt(styles.float().square() @ squares + EPSILON).to(x.dtype)
        x = x * styles[:, :, None, None]
        if self.up:
            x = F.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2)
            x = F.conv2d(x, fir_kernel(x), padding=1, groups=x.shape[1])
        else:
            x = F.conv2d(x, self.weight, padding=1)
        x = x * demodulation[:, :, None, None]
        if noise == "const":
            x = x + self.noise_strength * self.noise_const
        elif noise == "random":
            sizes = (x.shape[0], 1, self.resolution, self.resolution)
            drawn = torch.randn(sizes, generator=generator, device=x.device, dtype=torch.float32)
            x = x + self.noise_strength * drawn.to(x.dtype)
        return activated(x + self.bias[:, None, None])


class ToRgb(nn.Module):
    """A modulated 1x1 convolution to image channels, without demodulation."""

    def __init__(self, inputs: int, img_channels: int, w_dim: int) -> None:
        super().__init__()
        self.affine = EqualLinear(w_dim, inputs)
        self.weight = nn.Parameter(torch.empty(img_channels, inputs, 1, 1, device=META))
        self.bias = nn.Parameter(torch.empty(img_channels, device=META))
        self.gain = 1 / math.sqrt(inputs)

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        styles = self.affine(w) * self.gain
        return F.conv2d(x * styles[:, :, None, None], self.weight, self.bias)


class SynthesisBlock(nn.Module):
    """The layers at one resolution: ``conv0``, which upsamples, from 8 x 8 on, ``conv1`` and ``torgb``."""

    def __init__(self, inputs: int, middle: int, outputs: int, w_dim: int, resolution: int, img_channels: int) -> None:
        super().__init__()
        self.conv0 = SynthesisLayer(inputs, middle, w_dim, resolution, up=True) if resolution > 4 else None
        self.conv1 = SynthesisLayer(middle, outputs, w_dim, resolution, up=False)
        self.torgb = ToRgb(outputs, img_channels, w_dim)


class Synthesis(nn.Module):
    def __init__(self, settings: "_Shape") -> None:
        super().__init__()
        self.const = nn.Parameter(torch.empty(settings.const_channels, 4, 4, device=META))
        self.sides = sorted(settings.channels)
        inputs = settings.const_channels
        for side in self.sides:
            middle = settings.up_channels[side] if side > 4 else inputs
            outputs = settings.channels[side]
            block = SynthesisBlock(inputs, middle, outputs, settings.w_dim, side, settings.img_channels)
            self.add_module(f"b{side}", block)
            inputs = outputs

    def forward(self, ws: torch.Tensor, noise: str, generator: Optional[torch.Generator]) -> torch.Tensor:
        styles = ws.unbind(1)
        x = self.const.unsqueeze(0).expand(ws.shape[0], -1, -1, -1)
        image: Optional[torch.Tensor] = None
        place = 0
        for side in self.sides:
            block = getattr(self, f"b{side}")
            if block.conv0 is not None:
                x = block.conv0(x, styles[place], noise, generator)
                place += 1
            x = block.conv1(x, styles[place], noise, generator)
            place += 1
            rgb = block.torgb(x, styles[place])
            image = rgb if image is None else upsample_image(image) + rgb
        assert image is not None
        return image


class _Shape:
    """The settings of a generator, checked (src/dgl/families/stylegan2/shape.cpp)."""

    def __init__(self, settings: Settings) -> None:
        self.resolution = settings.power_of_two()
        self.img_channels = settings.integer("img_channels", 1, 4)
        self.z_dim = settings.integer("z_dim", 1, MOST_MAPS)
        self.w_dim = settings.integer("w_dim", 1, MOST_MAPS)
        layers = settings.integer("mapping_layers", 1, MOST_LAYERS)
        self.mapping_widths = [self.w_dim] * layers
        if "mapping_widths" in settings.values:
            self.mapping_widths = settings.integers("mapping_widths", 1, MOST_MAPS, MOST_LAYERS)
            if len(self.mapping_widths) != layers or self.mapping_widths[-1] != self.w_dim:
                raise settings.fail("mapping_widths", "mapping_layers numbers, the last w_dim")
        self.classes = settings.integer("classes", 0, 1_000_000, default=0)
        self.embed_dim = settings.integer("embed_dim", 1, MOST_MAPS) if self.classes else 0
        self.const_channels = settings.integer("const_channels", 1, MOST_MAPS)
        sides = [2**i for i in range(2, self.resolution.bit_length())]
        self.channels = settings.channels_by_side("channels", sides, MOST_MAPS)
        self.up_channels = self.channels
        if "up_channels" in settings.values:
            self.up_channels = settings.channels_by_side("up_channels", sides[1:], MOST_MAPS)


class StyleGAN2(GenerativeModel):
    """A StyleGAN2 generator.

    Attributes beside those of GenerativeModel:
        z_dim, w_dim: lengths of a latent and of a style.
        num_ws: styles that an image takes, one for each convolution and one for the last to-RGB layer.
    """

    family = "stylegan2"

    def __init__(self, networks: Dict[str, Settings]) -> None:
        super().__init__()
        shape = _Shape(networks["generator"])
        self.resolution = shape.resolution
        self.channels = shape.img_channels
        self.num_classes = shape.classes
        self.z_dim = shape.z_dim
        self.w_dim = shape.w_dim
        self.num_ws = 2 * len(shape.channels)
        self.latent_shape = (shape.z_dim,)
        self.mapping = Mapping(shape.z_dim, shape.mapping_widths, shape.classes, shape.embed_dim)
        self.synthesis = Synthesis(shape)

    def map(self, z: torch.Tensor, labels: Optional[torch.Tensor] = None, *, truncation: float = 1) -> torch.Tensor:
        """Styles w [N, w_dim] of latents z [N, z_dim] and labels [N], drawn towards their mean by ``truncation``."""
        self.check_labels(labels)
        w = self.mapping(z.to(self.dtype), labels)
        return w if truncation == 1 else torch.lerp(self.mapping.w_avg, w, truncation)

    def synthesize(
        self, ws: torch.Tensor, *, noise: str = "const", generator: Optional[torch.Generator] = None
    ) -> torch.Tensor:
        """Images [N, C, R, R] of styles ws [N, num_ws, w_dim], one for each layer, so that styles can be mixed.

        ``noise``: "const", the noise that the file holds; "random", drawn anew for every image from ``generator``, or
        from torch's default one; "none".
        """
        if noise not in NOISES:
            raise DglError(f"noise = {noise!r}: expected {' or '.join(NOISES)}")
        return self.synthesis(ws.to(self.dtype), noise, generator)

    def forward(
        self,
        z: torch.Tensor,
        labels: Optional[torch.Tensor] = None,
        *,
        truncation: float = 1,
        noise: str = "const",
        generator: Optional[torch.Generator] = None,
    ) -> torch.Tensor:
        """Images [N, C, R, R] of latents z [N, z_dim] and, for a conditional model, labels [N]."""
        w = self.map(z, labels, truncation=truncation)
        ws = w.unsqueeze(1).expand(-1, self.num_ws, -1)
        return self.synthesize(ws, noise=noise, generator=generator)

    @torch.no_grad()
    def sample(
        self,
        count: int,
        *,
        seed: int = 0,
        labels: Labels = None,
        truncation: float = 1,
        noise: str = "const",
        batch_size: Optional[int] = None,
    ) -> torch.Tensor:
        """The images [count, C, R, R] of `dgl sample -n COUNT --seed SEED --psi TRUNCATION`, float32 on the CPU.

        ``labels``: one for all images, one for each, or None for those of the seed. ``noise="random"`` draws noise from
        the seed's stream for it, on the module's device.
        """
        z = draw_latents(self.latent_shape, count, seed)
        given = labels_of(labels, self.num_classes, count, seed)
        generator = generator_of(stream_seed(seed, NOISE_STREAM, 0), self.device) if noise == "random" else None
        images = []
        for part in batches(count, self.resolution, batch_size):
            of_part = None if given is None else given[part].to(self.device)
            made = self(z[part].to(self.device), of_part, truncation=truncation, noise=noise, generator=generator)
            images.append(made.float().cpu())
        return torch.cat(images)


