"""Random latents and labels as `dgl sample` draws them (src/dgl/nn/sampling.cpp).

libtorch's CPU generator is torch's, so that equal seeds give equal latents here and there, on every device.
"""

from __future__ import annotations

from typing import Iterator, Optional, Sequence, Union

import torch

from .errors import DglError

Labels = Union[None, int, Sequence[int], torch.Tensor]
"""One label for all images, one for each, or None: drawn from the seed."""

LABEL_STREAM = 1
NOISE_STREAM = 2
MOST_IMAGES_AT_ONCE = 64


def stream_seed(seed: int, stream: int, counter: int) -> int:
    """A 32-bit seed of a random stream of its own, by splitmix64: stream_seed() of src/dgl/base/runtime.cpp."""
    mask = 2**64 - 1

    def mix(x: int) -> int:
        x = (x + 0x9E3779B97F4A7C15) & mask
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
        return x ^ (x >> 31)

    return mix(mix(mix(seed) ^ stream) ^ counter) >> 32


def generator_of(seed: int, device: Union[str, torch.device] = "cpu") -> torch.Generator:
    if not 0 <= seed < 2**63:
        raise DglError(f"seed = {seed}: expected a whole number from 0 to 2**63 - 1")
    return torch.Generator(device).manual_seed(seed)


def draw_latents(shape: Sequence[int], count: int, seed: int) -> torch.Tensor:
    """Normal latents [count, *shape], float32 on the CPU."""
    return torch.randn((count, *shape), generator=generator_of(seed), dtype=torch.float32)


def draw_labels(num_classes: int, count: int, seed: int) -> torch.Tensor:
    """Uniform labels [count], int64 on the CPU."""
    generator = generator_of(stream_seed(seed, LABEL_STREAM, 0))
    return torch.randint(num_classes, (count,), generator=generator, dtype=torch.int64)


def labels_of(labels: Labels, num_classes: int, count: int, seed: int) -> Optional[torch.Tensor]:
    """Labels [count] on the CPU, or None for a model without labels.

    Raises DglError for labels of a model that has none, another number of them, or one out of range.
    """
    if num_classes == 0:
        if labels is not None:
            raise DglError("labels: the model has none")
        return None
    if labels is None:
        return draw_labels(num_classes, count, seed)
    given = torch.as_tensor(labels, device="cpu")
    if given.is_floating_point() or given.is_complex() or given.dtype == torch.bool:
        raise DglError(f"labels: expected whole numbers, not {given.dtype}")
    given = given.to(torch.int64)
    if given.dim() == 0:
        given = given.repeat(count)
    if given.shape != (count,):
        raise DglError(f"labels: shape {list(given.shape)}, expected [{count}]")
    if count and not 0 <= int(given.min()) <= int(given.max()) < num_classes:
        raise DglError(f"labels: expected 0 to {num_classes - 1}")
    return given


def batches(count: int, side: int, batch_size: Optional[int]) -> Iterator[slice]:
    """Slices of `count` images of `side` pixels: 64 at once unless told, fewer above 256 pixels to bound the memory."""
    if count < 1:
        raise DglError(f"count = {count}: expected 1 or more")
    if batch_size is not None and batch_size < 1:
        raise DglError(f"batch_size = {batch_size}: expected 1 or more")
    most = max(1, min(MOST_IMAGES_AT_ONCE, MOST_IMAGES_AT_ONCE * 256 * 256 // (side * side)))
    size = batch_size or most
    for first in range(0, count, size):
        yield slice(first, min(count, first + size))


def to_uint8(images: torch.Tensor) -> torch.Tensor:
    """Images [N, C, H, W] in -1..1 as bytes [N, H, W, C], as image libraries take them; values beyond are clamped.

    The bytes are those of `dgl sample --out x.png` (to_bytes() of src/dgl/data/dataset.cpp). Raises DglError for values
    that are not finite.
    """
    images = images.detach().to(torch.float32)
    if not bool(images.isfinite().all()):
        raise DglError("images: there are values that are not finite")
    return (images * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
