"""Models that `dgl` trained, compressed or imported, as PyTorch modules.

    import dgl

    model = dgl.load("model.safetensors")          # or the folder of a finished run
    images = model.sample(16, seed=0)              # [16, C, R, R], as `dgl sample --seed 0`
    pixels = dgl.to_uint8(images)                  # [16, R, R, C]

``load`` returns a StyleGAN2, BigGAN, VAE, Diffusion or CycleGAN. docs/python.md of the project has an example of each.
"""

from .biggan import BigGAN
from .cyclegan import CycleGAN
from .diffusion import Diffusion
from .errors import DglError
from .exporting import example_inputs, export
from .model import GenerativeModel
from .model_file import load
from .sampling import draw_labels, draw_latents, to_uint8
from .stylegan2 import StyleGAN2
from .vae import VAE, Posterior

__version__ = "0.2.0"

__all__ = [
    "BigGAN",
    "CycleGAN",
    "DglError",
    "Diffusion",
    "GenerativeModel",
    "Posterior",
    "StyleGAN2",
    "VAE",
    "draw_labels",
    "draw_latents",
    "example_inputs",
    "export",
    "load",
    "to_uint8",
]
