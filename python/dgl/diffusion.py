"""Diffusion models: the U-Net of Ho et al. 2020 (arXiv 2006.11239), or those of song.py, in the framework of Karras et
al. 2022 (arXiv 2206.00364), as src/dgl/families/diffusion/ computes them."""

from __future__ import annotations

import math
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple, Union

import torch
import torch.nn.functional as F
from torch import nn

from .errors import DglError
from .model import META, GenerativeModel
from .sampling import NOISE_STREAM, Labels, batches, draw_latents, generator_of, labels_of, stream_seed
from .settings import Settings
from .song import SONG_ARCHITECTURES, SongDenoiser
from .unet import Level, MiddleBlocks, UNetShape, convolution, even_frequencies, waves_of

DATA_DEVIATION = 0.5
TIMES = 1000
LEAST_SIGMA, MOST_SIGMA = 0.002, 80.0
GRID_POWER = 7

SAMPLERS = ("heun", "euler", "renoise")
GRIDS = ("karras", "uniform", "quad")
PRECONDITIONS = ("edm", "eps")


def ddpm_noise_levels() -> Tuple[float, ...]:
    """The noise levels of DDPM's times, ascending: sqrt((1 - abar_t) / abar_t), abar_t the product of 1 - beta_s for
    s <= t, beta linear from 1e-4 to 2e-2 (arXiv 2006.11239, section 4)."""
    levels, product = [], 1.0
    for t in range(TIMES):
        product *= 1 - (1e-4 + (2e-2 - 1e-4) * t / (TIMES - 1))
        levels.append(math.sqrt((1 - product) / product))
    return tuple(levels)


def noise_levels(sampler: str, steps: int, grid: str, precondition: str) -> List[float]:
    """The noise levels of a sampler, descending, without the 0 that follows (noise_levels.h)."""
    table = ddpm_noise_levels()
    if grid == "uniform":
        return [table[i * (TIMES // steps)] for i in reversed(range(steps))]
    if grid == "quad":
        last = math.sqrt(0.8 * TIMES)
        step = last / max(1, steps - 1)
        roots = [last if i > 0 and i + 1 == steps else i * step for i in range(steps)]
        return [table[int(root * root)] for root in reversed(roots)]
    most, least = (table[-1], table[0]) if precondition == "eps" else (MOST_SIGMA, LEAST_SIGMA)
    high, low = most ** (1 / GRID_POWER), least ** (1 / GRID_POWER)
    parts = steps if sampler == "renoise" else max(1, steps - 1)
    return [(high + i / parts * (low - high)) ** GRID_POWER for i in range(steps)]


class Scaling(NamedTuple):
    """The factors of D(x; sigma) = c_skip x + c_out F(c_in x; c_noise), each [N] float32 (arXiv 2206.00364, eq. 7)."""

    skip: torch.Tensor
    out: torch.Tensor
    into: torch.Tensor
    noise: torch.Tensor


class DenoiserShape(UNetShape):
    def __init__(self, settings: Settings) -> None:
        self.architecture = settings.choice("architecture", ("ddpm", *SONG_ARCHITECTURES), "ddpm")
        super().__init__(settings)
        self.classes = settings.integer("classes", 0, 100_000)
        self.precondition = settings.choice("precondition", PRECONDITIONS)
        self.sampler = settings.choice("sampler", SAMPLERS)
        self.steps = settings.integer("steps", 1, TIMES)
        self.grid = settings.choice("grid", GRIDS)
        if self.grid != "karras" and self.precondition != "eps":
            raise settings.fail("grid", 'karras, as DDPM\'s times are for networks with precondition = "eps"')
        if self.first_channels < 4 or self.first_channels % 2:
            raise settings.fail("first_channels", "an even number of 4 or more, for sines and cosines of times")

    @property
    def embedding(self) -> int:
        return 4 * self.first_channels


class Denoiser(nn.Module):
    """The network F: noisy images [N, C, R, R], times [N] and labels [N] to what it predicts (ddpm_denoiser.cpp)."""

    noise_factor = 250
    """EDM's c_noise over ln sigma, times 1000, so that embeddings of times 0..1000 see it."""

    def __init__(self, shape: DenoiserShape) -> None:
        super().__init__()
        self.frequencies = shape.first_channels // 2
        dense = [nn.Linear(shape.first_channels, shape.embedding, device=META),
                 nn.Linear(shape.embedding, shape.embedding, device=META)]
        self.temb = nn.ModuleDict({"dense": nn.ModuleList(dense)})
        self.label_emb = nn.Embedding(shape.classes, shape.embedding, device=META) if shape.classes else None
        self.conv_in = convolution(shape.img_channels, shape.first_channels, 3)
        self.down = nn.ModuleList()
        inputs = shape.first_channels
        skips = [inputs]  # channels of the feature maps that the way up takes beside its own
        for level, outputs in enumerate(shape.channels):
            last = level + 1 == shape.levels
            each = [inputs] + [outputs] * (shape.blocks - 1)
            attends = level in shape.attention
            self.down.append(Level(each, outputs, attends, shape, "" if last else "downsample", shape.embedding))
            skips += [outputs] * (shape.blocks + (0 if last else 1))
            inputs = outputs
        self.mid = MiddleBlocks(inputs, shape, shape.embedding)
        levels: List[nn.Module] = []
        for level in reversed(range(shape.levels)):
            outputs = shape.channels[level]
            each = [(outputs if block else inputs) + skips.pop() for block in range(shape.blocks + 1)]
            attends = level in shape.attention
            levels.insert(0, Level(each, outputs, attends, shape, "upsample" if level else "", shape.embedding))
            inputs = outputs
        self.up = nn.ModuleList(levels)
        self.norm_out = shape.norm(inputs)
        self.conv_out = convolution(inputs, shape.img_channels, 3)

    def embed(self, times: torch.Tensor, labels: Optional[torch.Tensor]) -> torch.Tensor:
        """What all blocks know of times and labels, [N, 4 first_channels]."""
        waves = waves_of(times, even_frequencies(self.frequencies, times.device)).to(self.conv_in.weight.dtype)
        first, second = self.temb["dense"]
        embedding = second(F.silu(first(waves)))
        if self.label_emb is not None:
            embedding = embedding + self.label_emb(labels)
        return F.silu(embedding)

    def forward(self, x: torch.Tensor, times: torch.Tensor, labels: Optional[torch.Tensor] = None) -> torch.Tensor:
        embedding = self.embed(times, labels)
        skips = [self.conv_in(x)]
        for place, level in enumerate(self.down):
            for i, block in enumerate(level.block):
                skips.append(level.attended(i, block(skips[-1], embedding)))
            if place + 1 < len(self.down):
                skips.append(level.downsample(skips[-1]))
        h = self.mid(skips[-1], embedding)
        for place in reversed(range(len(self.up))):
            level = self.up[place]
            for i, block in enumerate(level.block):
                h = level.attended(i, block(torch.cat([h, skips.pop()], 1), embedding))
            if place:
                h = level.upsample(h)
        return self.conv_out(F.silu(self.norm_out(h)))


class Diffusion(GenerativeModel):
    """A denoiser and the samplers that draw images by it.

    Attributes beside those of GenerativeModel:
        precondition: what the network predicts: "edm", the image by EDM's scaling; "eps", the noise at one of DDPM's
            1000 times.
        sampler, steps, grid: how ``sample`` draws unless it is told otherwise (docs/recipes.md).
        denoiser: the network F itself: noisy images, times and labels to what it predicts.
    """

    family = "diffusion"

    def __init__(self, networks: Dict[str, Settings]) -> None:
        super().__init__()
        shape = DenoiserShape(networks["denoiser"])
        self.resolution = shape.resolution
        self.channels = shape.img_channels
        self.num_classes = shape.classes
        self.latent_shape = (shape.img_channels, shape.resolution, shape.resolution)
        self.precondition = shape.precondition
        self.sampler = shape.sampler
        self.steps = shape.steps
        self.grid = shape.grid
        self.denoiser: nn.Module = (Denoiser(shape) if shape.architecture == "ddpm" else
                                    SongDenoiser(shape, shape.classes, SONG_ARCHITECTURES[shape.architecture]))
        self._ddpm_levels = ddpm_noise_levels()  # no buffer, since half() would round it

    def nearest_time(self, sigma: torch.Tensor) -> torch.Tensor:
        """DDPM's time [N] float32 whose noise level is nearest."""
        levels = torch.tensor(self._ddpm_levels, dtype=torch.float32, device=sigma.device)
        above = torch.searchsorted(levels, sigma.contiguous()).clamp(1, TIMES - 1)
        below = above - 1
        nearer = sigma - levels[below] <= levels[above] - sigma
        return torch.where(nearer, below, above).to(torch.float32)

    def scaling(self, sigma: torch.Tensor) -> Scaling:
        """The factors at noise levels sigma [N] float32 (noise_levels.h)."""
        if self.precondition == "eps":
            one = torch.ones_like(sigma)
            return Scaling(one, -sigma, (1 + sigma.square()).rsqrt(), self.nearest_time(sigma))
        variance = DATA_DEVIATION**2
        total = sigma.square() + variance
        root = total.rsqrt()
        return Scaling(variance / total, sigma * DATA_DEVIATION * root, root, self.denoiser.noise_factor * sigma.log())

    def denoise(
        self, x: torch.Tensor, sigma: Union[float, torch.Tensor], labels: Optional[torch.Tensor] = None
    ) -> torch.Tensor:
        """The images D(x; sigma) [N, C, R, R] without their noise.

        ``x`` [N, C, R, R]: images plus sigma times normal noise. ``sigma``: one noise level above 0 for all, or [N].
        """
        self.check_labels(labels)
        if not isinstance(sigma, torch.Tensor):
            sigma = torch.full((x.shape[0],), float(sigma), device=x.device)
        sigma = sigma.to(torch.float32).expand(x.shape[0])
        x = x.float()
        skip, out, into, noise = self.scaling(sigma)
        output = self.denoiser((x * into[:, None, None, None]).to(self.dtype), noise, labels)
        return x * skip[:, None, None, None] + output.float() * out[:, None, None, None]

    def forward(
        self, x: torch.Tensor, sigma: Union[float, torch.Tensor], labels: Optional[torch.Tensor] = None
    ) -> torch.Tensor:
        """``denoise``."""
        return self.denoise(x, sigma, labels)

    @torch.no_grad()
    def sample(
        self,
        count: int,
        *,
        seed: int = 0,
        labels: Labels = None,
        sampler: Optional[str] = None,
        steps: Optional[int] = None,
        fresh_noise: bool = False,
        batch_size: Optional[int] = None,
    ) -> torch.Tensor:
        """The images [count, C, R, R] of `dgl sample -n COUNT --seed SEED`, float32 on the CPU.

        ``labels``: one for all images, one for each, or None for those of the seed. ``sampler`` and ``steps``: "heun",
        "euler" or "renoise", and the number of noise levels, in place of the model's own. ``fresh_noise`` draws the
        noise that renoise adds from a stream of the seed; without it, it is the image's own latents in another order,
        so that images are a function of their latents, as those of `dgl sample` are.
        """
        solver = self._solver(sampler, steps)
        latents = draw_latents(self.latent_shape, count, seed)
        given = labels_of(labels, self.num_classes, count, seed)
        generator = generator_of(stream_seed(seed, NOISE_STREAM, 0), self.device) if fresh_noise else None
        images = []
        for part in batches(count, self.resolution, batch_size):
            of_part = None if given is None else given[part].to(self.device)
            images.append(solver(latents[part].to(self.device), of_part, generator).cpu())
        return torch.cat(images)

    def _solver(self, sampler: Optional[str], steps: Optional[int]) -> Callable[..., torch.Tensor]:
        name = self.sampler if sampler is None else sampler
        count = self.steps if steps is None else steps
        if name not in SAMPLERS:
            raise DglError(f"sampler = {name!r}: expected {' or '.join(SAMPLERS)}")
        if not 1 <= count <= TIMES:
            raise DglError(f"steps = {count}: expected 1 to {TIMES}")
        levels = noise_levels(name, count, self.grid, self.precondition)

        def solve(
            latents: torch.Tensor, labels: Optional[torch.Tensor], generator: Optional[torch.Generator]
        ) -> torch.Tensor:
            # The noisy images of the first level; of eps such that the network sees the latents themselves.
            scale = math.sqrt(1 + levels[0] ** 2) if self.precondition == "eps" else levels[0]
            if name == "renoise":
                return self._renoise(latents, latents * scale, levels, labels, generator)
            return self._integrate(latents * scale, levels, labels, heun=name == "heun")

        return solve

    def _integrate(
        self, x: torch.Tensor, levels: List[float], labels: Optional[torch.Tensor], heun: bool
    ) -> torch.Tensor:
        """Algorithm 2 of arXiv 2206.00364 without noise of its own, or its Euler steps alone, which are DDIM's."""
        for sigma, following in zip(levels, levels[1:]):
            slope = (x - self.denoise(x, sigma, labels)) / sigma
            euler = x + (following - sigma) * slope
            if heun:
                slope_there = (euler - self.denoise(euler, following, labels)) / following
                x = x + (following - sigma) * 0.5 * (slope + slope_there)
            else:
                x = euler
        return self.denoise(x, levels[-1], labels)  # the step to 0

    def _renoise(
        self,
        latents: torch.Tensor,
        x: torch.Tensor,
        levels: List[float],
        labels: Optional[torch.Tensor],
        generator: Optional[torch.Generator],
    ) -> torch.Tensor:
        """Denoises and adds noise of the next level, as consistency models do (Song et al. 2023, arXiv 2303.01469)."""
        numbers = latents.flatten(1)
        for step, (sigma, following) in enumerate(zip(levels, levels[1:]), start=1):
            if generator is not None:
                noise = torch.randn(latents.shape, generator=generator, device=latents.device)
            else:
                order = torch.randperm(numbers.shape[1], generator=generator_of(step)).to(latents.device)
                noise = numbers.index_select(1, order).view(latents.shape)
            x = self.denoise(x, sigma, labels) + following * noise
        return self.denoise(x, levels[-1], labels)
