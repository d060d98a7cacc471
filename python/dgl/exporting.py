"""Models as programs of their own, which run without this package."""

from __future__ import annotations

import os
import warnings
from typing import Any, Dict, Optional, Tuple, Union

import torch

from .cyclegan import CycleGAN
from .diffusion import Diffusion
from .errors import DglError
from .model import GenerativeModel
from .vae import VAE


MOST_IMAGES = 2**20
"""That a program by torch.export takes at once. It wants a bound, and memory sets a lower one."""


def example_inputs(model: GenerativeModel, count: int = 2) -> Tuple[torch.Tensor, ...]:
    """Inputs of ``model.forward`` for ``count`` images, on the model's device and of its type.

    StyleGAN2 and BigGAN: latents, and labels if it has some. VAE and CycleGAN: images. Diffusion: noisy images, noise
    levels, and labels if it has some.
    """
    like: Dict[str, Any] = {"device": model.device, "dtype": model.dtype}
    labels = (torch.zeros(count, dtype=torch.int64, device=model.device),) if model.num_classes else ()
    images = (count, model.channels, model.resolution, model.resolution)
    if isinstance(model, (VAE, CycleGAN)):
        return (torch.rand(images, **like) * 2 - 1,)
    if isinstance(model, Diffusion):
        return (torch.randn(images, **like), torch.ones(count, device=model.device), *labels)
    return (torch.randn((count, *model.latent_shape), **like), *labels)


def export(
    model: GenerativeModel,
    path: Union[None, str, "os.PathLike[str]"] = None,
    *,
    inputs: Optional[Tuple[torch.Tensor, ...]] = None,
) -> Any:
    """What ``model.forward`` computes, as a program without Python, for any number of images up to MOST_IMAGES.

    - With torch 2.2 or newer by **torch.export**: returns a ``torch.export.ExportedProgram``, whose ``module()`` is
      called with the inputs. A ``path``, which should end in .pt2, is written by ``torch.export.save``.
    - With older versions, as 1.13, by **torch.jit.trace**: returns a ``torch.jit.ScriptModule``, which is called with
      the inputs. A ``path`` is written by its ``save``; C++ reads it by ``torch::jit::load``.

    ``inputs``: examples for two images or more, by default ``example_inputs(model)``; their sizes other than the number
    of images are part of the program. What draws random numbers and what loops over noise levels is not: draw latents
    by ``dgl.draw_latents``, and call a diffusion model's program once for each step.

    ONNX files are written by `dgl export --out x.onnx` of the program, which needs no PyTorch.

    Raises DglError for inputs of fewer than two images.
    """
    examples = example_inputs(model) if inputs is None else inputs
    if not examples or any(tensor.shape[0] < 2 for tensor in examples):
        raise DglError("inputs: expected examples of two images or more, so that their number is left open")
    if hasattr(torch, "export") and hasattr(torch.export, "export") and hasattr(torch.export, "Dim"):
        count = torch.export.Dim("count", max=MOST_IMAGES)
        dynamic = tuple({0: count} for _ in examples)
        with torch.no_grad():
            program = torch.export.export(model, examples, dynamic_shapes=dynamic)
        if path is not None:
            torch.export.save(program, os.fspath(path))
        return program
    with torch.no_grad(), warnings.catch_warnings():
        # Python looks at sizes and constants alone, which the docstring says are part of the program.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        traced = torch.jit.trace(model, examples, check_trace=False)
    if path is not None:
        traced.save(os.fspath(path))
    return traced
