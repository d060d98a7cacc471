#!/usr/bin/env python3
"""Times dgl beside the reference implementations that the user has, in turn, on the same machine.

    python3 bench/compare.py [--stylegan2-ada CHECKOUT] [--biggan CHECKOUT] [--latent-diffusion CHECKOUT]
                             [--ddim CHECKOUT] [--cyclegan CHECKOUT] [--dgl build/dgl] [--runs 5] [--configs 32,64]
                             [--peer-precision fp32,bf16] [--peer-python python3] [--device cuda]

Needs a Python with PyTorch and NumPy and the peers' own requirements; their code is the user's and is not changed. A
StyleGAN2 step is D + R1 / 16 + G + path length / 4, a BigGAN step one D and one G step, each phase with its optimizer
step, as `dgl bench` counts them; a step of an autoencoder or of a diffusion model is that of its own loss, without a
discriminator; one of a CycleGAN is of both generators and both discriminators, without its pool of images. Prints the
medians of the runs and their ratios as a Markdown table; sampling is one batch of 1 or 16 latents to images, of an
autoencoder images to reconstructions, of a diffusion model one call of its network, of a CycleGAN translations in both
directions.

--peer-precision bf16 runs the peer under torch.autocast, beside which dgl's bf16 is set; fp32 is set beside fp32, and
without a bf16 peer dgl's bf16 is too. fp16 is the StyleGAN2 peers' own mixed precision, on a GPU, and set beside dgl's
bf16. --peer-python is another Python with another PyTorch, as of a newer system; the
version stands in the table. On a GPU every measurement ends with a synchronization, and peers run without TF32.

--peer-compile runs the peers' networks by torch.compile. StyleGAN2's are left as they are: its regularizers
differentiate twice, which torch.compile does not do.

The peers' malloc is told to keep large blocks from step to step, as dgl tells its own: where page faults are dear, as on
many virtual machines, they are up to four times as fast with it. --peer-malloc default leaves it as it is.
"""
import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

CONFIGS = {
    "vae": dict(resolution=128, channels=64, multiples=(1, 2, 4, 4), blocks=2, z_channels=4, batch=4),
    "vae-quarter": dict(resolution=128, channels=32, multiples=(1, 2, 4, 4), blocks=2, z_channels=4, batch=4),
    "ddpm": dict(resolution=32, channels=64, multiples=(1, 2, 2, 2), blocks=2, attention=16, batch=16),
    "ddpm-half": dict(resolution=32, channels=32, multiples=(1, 2, 2, 2), blocks=2, attention=16, batch=16),
    "cyclegan": dict(resolution=64, channels=64, blocks=6, d_layers=3, batch=4),
    "cyclegan-256": dict(resolution=256, channels=32, blocks=9, d_layers=3, batch=1),
    "biggan": dict(resolution=32, channels=32, z_dim=128, batch=50),
    "32": dict(resolution=32, channel_base=16384, channel_max=64, z_dim=128, mapping_layers=4, batch=32),
    "64": dict(resolution=64, channel_base=16384, channel_max=128, z_dim=256, mapping_layers=4, batch=16),
    "256": dict(resolution=256, channel_base=8192, channel_max=128, z_dim=256, mapping_layers=4, batch=4),
    # A common size on GPUs (stylegan3's --cfg=stylegan2 --cbase=16384).
    "256-large": dict(resolution=256, channel_base=16384, channel_max=512, z_dim=512, mapping_layers=8, batch=32),
}

# What src/dgl/base/runtime.cpp sets by mallopt.
KEEPING_MALLOC = dict(MALLOC_MMAP_THRESHOLD_=str(1 << 30), MALLOC_TRIM_THRESHOLD_=str(2**31 - 1),
                      MALLOC_TOP_PAD_=str(64 << 20))


class Place:
    """Where and how a peer runs."""

    def __init__(self, threads, device="cpu", precision="fp32", compiles=False):
        import torch

        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self.torch, self.device, self.precision, self.compiles = torch, torch.device(device), precision, compiles
        # As the peers' own training loops set it. They also let cuDNN try its algorithms out, which takes minutes for the
        # many shapes of mixed precision, and gains dgl nothing.
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False

    def compiled(self, network):
        return self.torch.compile(network) if self.compiles else network

    def autocast(self):
        return self.torch.autocast(self.device.type, dtype=self.torch.bfloat16, enabled=self.precision == "bf16")

    def synchronize(self):
        if self.device.type == "cuda":
            self.torch.cuda.synchronize()

    def median_seconds(self, work, budget):
        def timed():
            before = time.perf_counter()
            with self.autocast():
                work()
            self.synchronize()
            return time.perf_counter() - before

        timed()
        times, start = [], time.perf_counter()
        while len(times) < 3 or (time.perf_counter() - start < budget and len(times) < 50):
            times.append(timed())
        return statistics.median(times)

    def peak_memory_bytes(self):
        if self.device.type == "cuda":
            return self.torch.cuda.max_memory_allocated()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    def randn(self, *sizes):
        return self.torch.randn(*sizes, device=self.device)


def run_biggan(path, config, place, budget=1.5):
    sys.path.insert(0, path)
    import torch
    from BigGAN import Discriminator, Generator

    shape = dict(resolution=config["resolution"], n_classes=10)
    generator = Generator(G_ch=config["channels"], dim_z=config["z_dim"], G_attn="0", G_shared=False, **shape)
    generator.to(place.device).train()
    discriminator = Discriminator(D_ch=config["channels"], D_attn="0", **shape).to(place.device).train()
    batch = config["batch"]
    real = place.randn(batch, 3, config["resolution"], config["resolution"])
    networks = dict(G=generator, D=discriminator)
    make, judge = place.compiled(generator), place.compiled(discriminator)

    def phase(key):
        for k, network in networks.items():
            network.requires_grad_(k == key)
        networks[key].optim.zero_grad()
        z, labels = place.randn(batch, config["z_dim"]), torch.randint(10, (batch,), device=place.device)
        with torch.set_grad_enabled(key == "G"):
            fake = make(z, generator.shared(labels))
        if key == "G":
            loss = -judge(fake, labels).mean()
        else:
            scores = judge(torch.cat([fake, real]), torch.cat([labels, labels]))
            loss = torch.relu(1 + scores[:batch]).mean() + torch.relu(1 - scores[batch:]).mean()
        loss.backward()
        networks[key].optim.step()

    step = sum(place.median_seconds(lambda: phase(key), budget) for key in ("D", "G"))
    result = dict(step=step, images_per_second=batch / step,
                  peak_memory_bytes=place.peak_memory_bytes())
    generator.eval().requires_grad_(False)
    for n in (1, 16):
        z = place.randn(n, config["z_dim"])
        labels = torch.zeros(n, dtype=torch.long, device=place.device)
        with torch.no_grad():
            result[f"sample_{n}"] = place.median_seconds(lambda: make(z, generator.shared(labels)), budget)
    return result


def run_vae(path, config, place, budget=1.5):
    sys.path.insert(0, path)
    import torch
    from ldm.modules.diffusionmodules.model import Decoder, Encoder
    from ldm.modules.distributions.distributions import DiagonalGaussianDistribution

    z, side = config["z_channels"], config["resolution"]
    shape = dict(double_z=True, z_channels=z, resolution=side, in_channels=3, out_ch=3, ch=config["channels"],
                 ch_mult=config["multiples"], num_res_blocks=config["blocks"], attn_resolutions=[], dropout=0.0)
    encoder = torch.nn.Sequential(Encoder(**shape), torch.nn.Conv2d(2 * z, 2 * z, 1)).to(place.device)
    decoder = torch.nn.Sequential(torch.nn.Conv2d(z, z, 1), Decoder(**shape)).to(place.device)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=4.5e-6, betas=(0.5, 0.9))
    encoder, decoder = place.compiled(encoder), place.compiled(decoder)
    batch = config["batch"]
    real = place.randn(batch, 3, side, side)

    def step():
        optimizer.zero_grad(set_to_none=True)
        posterior = DiagonalGaussianDistribution(encoder(real))
        loss = (real - decoder(posterior.sample())).abs().sum() / batch + 1e-6 * posterior.kl().mean()
        loss.backward()
        optimizer.step()

    seconds = place.median_seconds(step, budget)
    result = dict(step=seconds, images_per_second=batch / seconds,
                  peak_memory_bytes=place.peak_memory_bytes())
    for n in (1, 16):
        images = place.randn(n, 3, side, side)
        with torch.no_grad():
            result[f"sample_{n}"] = place.median_seconds(
                lambda: decoder(DiagonalGaussianDistribution(encoder(images)).mode()), budget)
    return result


def run_ddpm(path, config, place, budget=1.5):
    sys.path.insert(0, path)
    import torch
    from types import SimpleNamespace
    from models.diffusion import Model

    side, batch = config["resolution"], config["batch"]
    network = Model(SimpleNamespace(
        model=SimpleNamespace(type="simple", ch=config["channels"], out_ch=3, ch_mult=config["multiples"], dropout=0.0,
                              num_res_blocks=config["blocks"], attn_resolutions=[config["attention"]], in_channels=3,
                              resamp_with_conv=True),
        data=SimpleNamespace(image_size=side), diffusion=SimpleNamespace(num_diffusion_timesteps=1000))).to(place.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-4)
    network = place.compiled(network)
    real = place.randn(batch, 3, side, side)
    alphas = (1 - torch.linspace(1e-4, 0.02, 1000)).cumprod(0).to(place.device)

    def step():
        optimizer.zero_grad(set_to_none=True)
        times, noise = torch.randint(1000, (batch,), device=place.device), torch.randn_like(real)
        a = alphas[times].view(-1, 1, 1, 1)
        (network(a.sqrt() * real + (1 - a).sqrt() * noise, times.float()) - noise).square().mean().backward()
        optimizer.step()

    seconds = place.median_seconds(step, budget)
    result = dict(step=seconds, images_per_second=batch / seconds,
                  peak_memory_bytes=place.peak_memory_bytes())
    for n in (1, 16):
        x, times = place.randn(n, 3, side, side), torch.full((n,), 500.0, device=place.device)
        with torch.no_grad():
            result[f"sample_{n}"] = place.median_seconds(lambda: network(x, times), budget)
    return result


def run_cyclegan(path, config, place, budget=1.5):
    sys.path.insert(0, path)
    import functools
    import itertools
    import torch
    norm = functools.partial(torch.nn.InstanceNorm2d, affine=False, track_running_stats=False)
    try:
        from models.networks import NLayerDiscriminator, ResnetGenerator
    except ImportError:  # GAN Compression's copy
        from models.modules.discriminators import NLayerDiscriminator
        from models.modules.resnet_architecture.resnet_generator import ResnetGenerator

    g_ab, g_ba = (ResnetGenerator(3, 3, config["channels"], norm, n_blocks=config["blocks"]).to(place.device)
                  for _ in "ab")
    d_a, d_b = (NLayerDiscriminator(3, 64, config["d_layers"], norm_layer=norm).to(place.device) for _ in "ab")
    g_optimizer, d_optimizer = (
        torch.optim.Adam(itertools.chain(*(n.parameters() for n in networks)), lr=2e-4, betas=(0.5, 0.999))
        for networks in ((g_ab, g_ba), (d_a, d_b)))
    frozen = (d_a, d_b)
    g_ab, g_ba, d_a, d_b = (place.compiled(network) for network in (g_ab, g_ba, d_a, d_b))
    batch, side = config["batch"], config["resolution"]
    a, b = torch.rand(2, batch, 3, side, side, device=place.device) * 2 - 1
    difference = lambda x, y: (x - y).abs().mean()

    def step():
        for network in frozen:
            network.requires_grad_(False)
        g_optimizer.zero_grad(set_to_none=True)
        fake_b, fake_a = g_ab(a), g_ba(b)
        loss = ((d_b(fake_b) - 1).square().mean() + (d_a(fake_a) - 1).square().mean()
                + 10 * difference(g_ba(fake_b), a) + 10 * difference(g_ab(fake_a), b)
                + 5 * difference(g_ab(b), b) + 5 * difference(g_ba(a), a))
        loss.backward()
        g_optimizer.step()
        for network in frozen:
            network.requires_grad_(True)
        d_optimizer.zero_grad(set_to_none=True)
        for judge, real, fake in ((d_b, b, fake_b.detach()), (d_a, a, fake_a.detach())):
            (0.5 * ((judge(real) - 1).square().mean() + judge(fake).square().mean())).backward()
        d_optimizer.step()

    seconds = place.median_seconds(step, budget)
    result = dict(step=seconds, images_per_second=batch / seconds,
                  peak_memory_bytes=place.peak_memory_bytes())
    for n in (1, 16):
        images = torch.rand(n, 3, side, side, device=place.device)
        with torch.no_grad():
            result[f"sample_{n}"] = place.median_seconds(lambda: (g_ab(images), g_ba(images)), budget)
    return result


def run_stylegan2(path, config, place, budget=1.5):
    sys.path.insert(0, path)
    import torch
    try:
        import pkg_resources  # noqa: F401
    except ImportError:  # newer versions of setuptools are without it
        import types
        from packaging.version import parse
        sys.modules["pkg_resources"] = types.SimpleNamespace(parse_version=parse)
    if place.device.type == "cuda":
        import torch.utils.cpp_extension as extension
        load = extension.load

        def load_by_name(name, **options):  # newer versions of PyTorch do not register what they load
            sys.modules[name] = load(name=name, **options)
            return sys.modules[name]

        extension.load = load_by_name
    from torch_utils import misc
    # Checks that autocast and newer versions of PyTorch stumble over.
    misc.assert_shape = lambda tensor, shape: None
    misc.suppress_tracer_warnings = contextlib.nullcontext
    from training.loss import StyleGAN2Loss
    # stylegan3's StyleGAN2 is the same, with plugins that current PyTorch still takes.
    newer = os.path.exists(os.path.join(path, "training/networks_stylegan2.py"))
    if newer:
        from training.networks_stylegan2 import Discriminator, Generator
    else:
        from training.networks import Discriminator, Generator

    # Their own mixed precision is on GPUs only, and set for both, since defaults differ.
    half = place.precision == "fp16"
    channels = dict(channel_base=config["channel_base"], channel_max=config["channel_max"], num_fp16_res=4 if half else 0,
                    conv_clamp=256 if half else None)
    generator = Generator(z_dim=config["z_dim"], c_dim=0, w_dim=config["z_dim"], img_resolution=config["resolution"],
                          img_channels=3, mapping_kwargs=dict(num_layers=config["mapping_layers"]),
                          **(channels if newer else dict(synthesis_kwargs=channels))).to(place.device).train()
    discriminator = Discriminator(c_dim=0, img_resolution=config["resolution"], img_channels=3,
                                  epilogue_kwargs=dict(mbstd_group_size=4), **channels).to(place.device).train()
    if newer:
        loss = StyleGAN2Loss(place.device, generator, discriminator, r1_gamma=1, pl_weight=2, style_mixing_prob=0.9)
        more = dict(cur_nimg=0)
    else:
        loss = StyleGAN2Loss(place.device, generator.mapping, generator.synthesis, discriminator, r1_gamma=1)
        more = dict(sync=True)
    batch = config["batch"]
    real = place.randn(batch, 3, config["resolution"], config["resolution"])
    labels = torch.zeros(batch, 0, device=place.device)
    networks = dict(G=generator, D=discriminator)
    optimizers = {k: torch.optim.Adam(n.parameters(), lr=0.0025, betas=(0.0, 0.99)) for k, n in networks.items()}

    def phase(name, interval):
        key = name[0]
        for k, network in networks.items():
            network.requires_grad_(k == key)
        optimizers[key].zero_grad(set_to_none=True)
        loss.accumulate_gradients(phase=name, real_img=real, real_c=labels, gen_z=place.randn(batch, config["z_dim"]),
                                  gen_c=labels, gain=interval, **more)
        optimizers[key].step()

    step = sum(place.median_seconds(lambda: phase(name, interval), budget) / interval
               for name, interval in (("Gmain", 1), ("Greg", 4), ("Dmain", 1), ("Dreg", 16)))
    result = dict(step=step, images_per_second=batch / step,
                  peak_memory_bytes=place.peak_memory_bytes())
    generator.eval().requires_grad_(False)
    for n in (1, 16):
        z = place.randn(n, config["z_dim"])
        with torch.no_grad():
            result[f"sample_{n}"] = place.median_seconds(lambda: generator(z, None, noise_mode="const"), budget)
    return result


def run_dgl(binary, config, precision, threads, device, settings):
    network = {k: v for k, v in config.items() if k not in ("batch", "d_layers")}
    family = ("cyclegan" if "d_layers" in config else "vae" if "z_channels" in config
              else "diffusion" if "multiples" in config else "biggan" if "channels" in config else "stylegan2")
    if "multiples" in config:
        network.update(multiples='"' + ",".join(map(str, config["multiples"])) + '"', groups=32, group_channels=1)
    if family == "diffusion":
        network.update(attention=f'"{config["attention"]}"', precondition='"eps"')
    elif family == "biggan":
        network.update(classes=10, attention=0, hierarchical="false", shared_dim=0)
    elif family == "stylegan2":
        network.update(w_dim=config["z_dim"])
    network.update(img_channels=3)
    lines = [f'family = "{family}"', "[network]"] + [f"{k} = {v}" for k, v in network.items()]
    lines += ["[training]", f"batch = {config['batch']}"]
    if family == "cyclegan":
        lines += ["pool = 0", "[discriminator]", f"layers = {config['d_layers']}"]
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as recipe:
        recipe.write("\n".join(lines) + "\n")
        recipe.flush()
        out = subprocess.run([binary, "bench", "--recipe", recipe.name, "--precision", precision, "--threads",
                              str(threads), "--device", device, "--json",
                              *(word for setting in settings for word in ("--set", setting))],
                             check=True, capture_output=True, text=True).stdout
    return json.loads(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stylegan2-ada", help="a checkout of stylegan2-ada-pytorch, or of stylegan3")
    parser.add_argument("--biggan", help="a checkout of BigGAN-PyTorch")
    parser.add_argument("--latent-diffusion", help="a checkout of latent-diffusion")
    parser.add_argument("--ddim", help="a checkout of ermongroup/ddim")
    parser.add_argument("--cyclegan", help="a checkout of pytorch-CycleGAN-and-pix2pix")
    parser.add_argument("--dgl", default="build/dgl")
    parser.add_argument("--dgl-set", action="append", default=[], help="a recipe key for dgl, KEY=VALUE")
    parser.add_argument("--dgl-fast", action="store_true", help="dgl's bf16 with training.cpu and training.gpu fast, too")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--configs", default="32,64,256,biggan,vae,vae-quarter,ddpm,ddpm-half,cyclegan,cyclegan-256")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--peer-precision", default="fp32", help="some of fp32, bf16 (under autocast) and fp16")
    parser.add_argument("--peer-python", default=sys.executable, help="the Python that runs the peers")
    parser.add_argument("--peer-malloc", choices=("keeping", "default"), default="keeping")
    parser.add_argument("--peer-compile", action="store_true", help="peers by torch.compile, but for StyleGAN2")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--run-peer", help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    def peer_of(name):
        """The option of a configuration's peer, its checkout and what times it."""
        if name.startswith("vae"):
            return "--latent-diffusion", arguments.latent_diffusion, run_vae
        if name.startswith("ddpm"):
            return "--ddim", arguments.ddim, run_ddpm
        if name.startswith("cyclegan"):
            return "--cyclegan", arguments.cyclegan, run_cyclegan
        if name == "biggan":
            return "--biggan", arguments.biggan, run_biggan
        return "--stylegan2-ada", arguments.stylegan2_ada, run_stylegan2

    if arguments.run_peer:
        name = arguments.run_peer
        _, path, run = peer_of(name)
        place = Place(arguments.threads, arguments.device, arguments.peer_precision, arguments.peer_compile)
        print(json.dumps({**run(path, CONFIGS[name], place), "torch": place.torch.__version__}))
        return
    environment = {**os.environ, **(KEEPING_MALLOC if arguments.peer_malloc == "keeping" else {})}
    keys = ("images_per_second", "sample_1", "sample_16", "peak_memory_bytes")
    precisions, peers = ("fp32", "bf16", *(["bf16 fast"] if arguments.dgl_fast else [])), arguments.peer_precision.split(",")
    if any(peer not in ("fp32", "bf16", "fp16") for peer in peers):
        parser.error(f"--peer-precision {arguments.peer_precision}: expected some of fp32, bf16 and fp16")
    titles = [f"peer {peer}" for peer in peers]
    columns = titles + [word for precision in precisions for word in (f"dgl {precision}", "ratio")]
    print(f"| configuration | quantity | torch | {' | '.join(columns)} |")
    print("|---" * (3 + len(columns)) + "|")
    for name in arguments.configs.split(","):
        option, checkout = peer_of(name)[:2]
        if not checkout:
            continue
        runs = {who: [] for who in (*titles, *precisions)}
        for _ in range(arguments.runs):
            for peer, title in zip(peers, titles):
                out = subprocess.run([arguments.peer_python, "-O", __file__, option, checkout, "--threads",
                                      str(arguments.threads), "--device", arguments.device, "--peer-precision", peer,
                                      "--run-peer", name, *(["--peer-compile"] if arguments.peer_compile else [])],
                                     check=True, stdout=subprocess.PIPE, text=True,
                                     env=environment).stdout
                runs[title].append(json.loads(out.splitlines()[-1]))
            for precision in precisions:
                number, *fast = precision.split()
                settings = arguments.dgl_set + [f"training.{key}=fast" for key in ("cpu", "gpu") if fast]
                runs[precision].append(run_dgl(arguments.dgl, CONFIGS[name], number, arguments.threads,
                                               arguments.device, settings))
        version = runs[titles[0]][0]["torch"]
        for key in keys:
            if any(key not in run for results in runs.values() for run in results):
                continue  # dgl does not say how much of a GPU's memory it took
            middle = {who: statistics.median(run[key] for run in results) for who, results in runs.items()}
            inverse = key.startswith("sample")
            scale, unit = {"images_per_second": (1, "images/s"), "peak_memory_bytes": (2**-20, "MiB")}.get(key, (1e3, "ms"))
            quantity = key.replace("_bytes", "").replace("_", " ")
            row = f"| {name} | {quantity}, {unit} | {version} |"
            for title in titles:
                row += f" {middle[title] * scale:.4g} |"
            for precision in precisions:
                # Like beside like, where the peer ran in that precision.
                number = precision.split()[0]
                other = "fp16" if number == "bf16" and "fp16" in peers else number
                peer = middle.get(f"peer {other}", middle[titles[0]])
                ratio = peer / middle[precision] if inverse else middle[precision] / peer
                row += f" {middle[precision] * scale:.4g} | {ratio:.2f} |"
            print(row, flush=True)


if __name__ == "__main__":
    main()
