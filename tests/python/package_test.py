"""The Python package beside the program and beside the reference implementations' outputs in tests/golden.

Usage: package_test.py DGL SOURCE [TEST...]   (the program; the checkout)
Ends with 77, which CTest counts as skipped, where torch is not there.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib
from pathlib import Path

DGL, SOURCE = sys.argv[1], Path(sys.argv[2]).resolve()
sys.dont_write_bytecode = True
sys.path.insert(0, str(SOURCE / "python"))

if importlib.util.find_spec("torch") is None:
    print(f"skipped: no python3-torch here ({sys.executable})")
    sys.exit(77)

import torch  # noqa: E402

import dgl  # noqa: E402
from dgl.model_file import FAMILIES  # noqa: E402
from dgl.safetensors import SafetensorsFile  # noqa: E402
from dgl.settings import Settings  # noqa: E402

GOLDEN = SOURCE / "tests/golden"
ASSETS = SOURCE / "assets"
SMALL = 1e-5
"""The largest difference of small random networks, relative to the largest number (or 1)."""
TRAINED = 3e-5
"""That of trained networks, which round more: both sides are as far from what float64 gives."""
DTYPES = {torch.float32: "F32", torch.int64: "I64", torch.bfloat16: "BF16"}


def write_safetensors(path: Path, tensors: dict, metadata: dict | None = None) -> None:
    header: dict = {"__metadata__": metadata} if metadata else {}
    data = b""
    for name, tensor in tensors.items():
        tensor = tensor.detach().contiguous()
        view = tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor
        own = view.numpy().tobytes()
        offsets = [len(data), len(data) + len(own)]
        header[name] = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": offsets}
        data += own
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def read_safetensors(path: Path) -> dict:
    file = SafetensorsFile(path)
    return {name: file.tensor(name) for name in file.names()}


def settings_of(path: Path) -> dict:
    return json.loads(SafetensorsFile(path).metadata["dgl"])


def random_model(path: Path, settings: dict) -> None:
    """A model file with random weights for the networks with these settings, under their averages' names."""
    entry = FAMILIES[next(iter(settings.values()))["family"]]
    model = entry.module({slot: Settings(one, "the test") for slot, one in settings.items()})
    generator = torch.Generator().manual_seed(1)
    tensors = {}
    for name, tensor in model.state_dict().items():
        slot, rest = name.split(".", 1) if entry.prefixes else (entry.slots[0], name)
        fan_in = max(1, tensor[0].numel()) if tensor.dim() > 1 else 16
        tensors[f"{slot}_ema.{rest}"] = torch.randn(tensor.shape, generator=generator) / fan_in**0.5
    write_safetensors(path, tensors, {"dgl": json.dumps({"format": 1, **settings})})


def png_pixels(path: Path) -> tuple:
    """Width, height and the pixels of a gray PNG of 8 bits."""
    data, at, packed = path.read_bytes(), 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        content = data[at + 8 : at + 8 + size]
        if kind == b"IHDR":
            width, height, depth, color = struct.unpack(">IIBB", content[:10])
            assert (depth, color) == (8, 0), (depth, color)
        if kind == b"IDAT":
            packed += content
        at += 12 + size
    raw = zlib.decompress(packed)
    rows = []
    above = [0] * width
    for y in range(height):
        start = y * (width + 1)
        method, row = raw[start], list(raw[start + 1 : start + 1 + width])
        for x in range(width):
            left, up, corner = (row[x - 1] if x else 0), above[x], (above[x - 1] if x else 0)
            if method == 4:
                guess = left + up - corner
                best = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]
            else:
                best = (0, left, up, (left + up) // 2)[method]
            row[x] = (row[x] + best) & 255
        rows.append(row)
        above = row
    return width, height, torch.tensor(rows, dtype=torch.uint8)


class PackageTest(unittest.TestCase):
    """A folder of its own for each test, the program, and comparisons."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.work = Path(folder.name)

    def run_dgl(self, *words: object) -> str:
        command = [DGL, *map(str, words), "--threads", "1"]  # tests run beside one another
        done = subprocess.run(command, cwd=self.work, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, f"{command}: {done.stderr}")
        return done.stdout

    def sampled(self, model: Path, *options: object) -> dict:
        self.run_dgl("sample", "--model", model, "--out", "i.safetensors", "--overwrite", *options)
        return read_safetensors(self.work / "i.safetensors")

    def imported(self, *files: object, options: tuple = ()) -> Path:
        self.run_dgl("import", *[GOLDEN / str(file) for file in files], "--out", "m", "--overwrite", *options)
        return self.work / "m"

    def assert_near(self, made: torch.Tensor, expected: torch.Tensor, bound: float, what: str = "") -> None:
        made, expected = made.detach(), expected.detach()
        self.assertEqual(made.shape, expected.shape, what)
        # Without an average of its own, a NaN would be below any bound.
        difference = float((made - expected).abs().max() / expected.abs().max().clamp_min(1))
        print(f"{what or self._testMethodName}: off by {difference:.1e}")
        self.assertTrue(difference < bound, f"{what}: off by {difference:.1e}, expected below {bound}")

    def refused(self, path: Path, *says: str) -> None:
        with self.assertRaises(dgl.DglError) as caught:
            dgl.load(path)
        message = str(caught.exception)
        self.assertNotIn("\n", message)
        for word in (str(path), *says):
            self.assertIn(word, message)


class SamplesAsTheProgram(PackageTest):
    def test_stylegan2(self) -> None:
        path = ASSETS / "mnist32-teacher-long.safetensors"
        model = dgl.load(path)
        self.assertIsInstance(model, dgl.StyleGAN2)
        self.assertFalse(model.training)
        self.assertEqual((model.family, model.z_dim, model.resolution, model.channels, model.num_classes),
                         ("stylegan2", 64, 32, 1, 0))
        expected = self.sampled(path, "-n", 70, "--seed", 3)["images"]
        self.assert_near(model.sample(70, seed=3), expected, TRAINED, "StyleGAN2")
        expected = self.sampled(path, "-n", 5, "--psi", "0.7")["images"]
        made = model.sample(5, truncation=0.7, batch_size=2)
        self.assert_near(made, expected, TRAINED, "StyleGAN2, psi 0.7")
        self.run_dgl("sample", "--model", path, "-n", 1, "--psi", "0.7", "--out", "one.png")
        width, height, pixels = png_pixels(self.work / "one.png")
        self.assertEqual((width, height), (32, 32))
        levels = (dgl.to_uint8(made)[0, :, :, 0].int() - pixels.int()).abs()
        self.assertLessEqual(int(levels.max()), 1)

    def test_noise_is_drawn_from_the_seed_or_left_out(self) -> None:
        model = dgl.load(ASSETS / "mnist32-teacher.safetensors")
        const, once, again = (model.sample(2, noise=noise) for noise in ("const", "random", "random"))
        self.assertTrue(torch.equal(once, again))
        self.assertGreater(float((once - const).abs().max()), 1e-3)
        self.assertGreater(float((model.sample(2, noise="none") - const).abs().max()), 1e-3)
        with self.assertRaisesRegex(dgl.DglError, "noise = 'fresh'.*const"):
            model.sample(1, noise="fresh")

    def test_biggan(self) -> None:
        for name, psi in (("mnist32", 1), ("emoji32", 0.5)):
            path = ASSETS / f"{name}-biggan-teacher.safetensors"
            model = dgl.load(path)
            self.assertIsInstance(model, dgl.BigGAN)
            expected = self.sampled(path, "-n", 33, "--seed", 7, "--psi", psi)
            self.assertTrue(torch.equal(dgl.draw_labels(model.num_classes, 33, 7), expected["labels"]))
            self.assert_near(model.sample(33, seed=7, truncation=psi), expected["images"], TRAINED, f"BigGAN, {name}")
        expected = self.sampled(path, "-n", 3, "--label", 4)["images"]
        self.assert_near(model.sample(3, labels=4), expected, TRAINED, "BigGAN, one label")
        for labels, says in ((9, "0 to 8"), ([1, 2], r"\[2\].*\[3\]"), (0.5, "whole numbers")):
            with self.assertRaisesRegex(dgl.DglError, says):
                model.sample(3, labels=labels)
        with self.assertRaisesRegex(dgl.DglError, "9 labels"):
            model(torch.zeros(1, model.z_dim))

    def test_cyclegan(self) -> None:
        path = ASSETS / "digits32-outlines-teacher.safetensors"
        model = dgl.load(path)
        self.assertIsInstance(model, dgl.CycleGAN)
        self.assertEqual(model.directions, ["a_to_b", "b_to_a"])
        images = torch.rand((5, 1, 32, 32), generator=torch.Generator().manual_seed(1)) * 2 - 1
        write_safetensors(self.work / "x.safetensors", {"images": images})
        for direction in model.directions:
            self.run_dgl("translate", "--model", path, "--direction", direction, "--images", "x.safetensors", "--out",
                         "y.safetensors", "--overwrite")
            expected = read_safetensors(self.work / "y.safetensors")["images"]
            self.assert_near(model.translate(images, direction), expected, TRAINED, f"CycleGAN, {direction}")
        with self.assertRaisesRegex(dgl.DglError, "translate"):
            model.sample(1)
        with self.assertRaisesRegex(dgl.DglError, "sideways.*a_to_b and b_to_a"):
            model.translate(images, "sideways")
        with self.assertRaisesRegex(dgl.DglError, "30 x 32.*multiples of 4"):
            model(images[:, :, :, :30])

    def test_conditional_diffusion(self) -> None:
        settings = {"family": "diffusion", "resolution": 8, "img_channels": 2, "classes": 3, "first_channels": 6,
                    "channels": [8, 12], "blocks": 2, "attention": [0], "groups": 4, "group_channels": 2,
                    "precondition": "edm", "sampler": "heun", "steps": 3, "grid": "karras"}
        random_model(self.work / "d", {"denoiser": settings})
        model = dgl.load(self.work / "d")
        self.assertEqual((model.num_classes, model.sampler, model.steps), (3, "heun", 3))
        expected = self.sampled(self.work / "d", "-n", 4, "--seed", 11)
        self.assert_near(model.sample(4, seed=11), expected["images"], TRAINED, "diffusion, labels")
        others = model.sample(4, seed=11, labels=(expected["labels"] + 1) % 3)
        self.assertGreater(float((others - expected["images"]).abs().max()), 1e-3)
        with self.assertRaisesRegex(dgl.DglError, "sampler = 'ddpm'.*heun or euler or renoise"):
            model.sample(1, sampler="ddpm")
        with self.assertRaisesRegex(dgl.DglError, "steps = 0.*1 to 1000"):
            model.sample(1, steps=0)
        random_model(self.work / "d", {"denoiser": {**settings, "architecture": "ddpm"}})
        self.assert_near(dgl.load(self.work / "d").sample(4, seed=11), expected["images"], TRAINED, "diffusion, ddpm")
        write_safetensors(self.work / "s", read_safetensors(self.work / "d"),
                          {"dgl": json.dumps({"denoiser": {**settings, "architecture": "ddpm+"}})})
        self.refused(self.work / "s", "architecture = 'ddpm+'", "ddpm or ddpm++ or ncsn++")
        drawn = [model.sample(2, sampler="renoise", steps=2, fresh_noise=fresh) for fresh in (True, True, False)]
        self.assertTrue(torch.equal(drawn[0], drawn[1]))
        self.assertFalse(torch.equal(drawn[0], drawn[2]))

    def test_runs_of_the_program(self) -> None:
        """Models that the program trained, given as the folders of their runs."""
        pixels = bytearray()
        for i in range(24):  # squares of 5 pixels
            left, top = 2 + i % 6, 3 + i // 6
            pixels += bytes(255 * (left <= x < left + 5 and top <= y < top + 5) for y in range(16) for x in range(16))
        (self.work / "squares").write_bytes(struct.pack(">IIII", 0x803, 24, 16, 16) + pixels)
        self.run_dgl("prepare", "squares", "--size", 16, "--out", "squares.dgldata")
        for family, keys in (("vae", "z_channels = 2"), ("diffusion", "steps = 4\nattention = '8'")):
            (self.work / "r.toml").write_text(
                f"family = '{family}'\n[network]\nresolution = 16\nimg_channels = 1\nchannels = 8\nmultiples = '1,2'\n"
                f"blocks = 1\n{keys}\n[training]\nbatch = 8\nkimg = 0.032\ncheckpoint_kimg = 0.032\nema_kimg = 0.01\n"
                "[evaluation]\nsamples = 8\nfinal_samples = 8\n")
            self.run_dgl("train", "--recipe", "r.toml", "--data", "squares.dgldata", "--out", family)
            model = dgl.load(self.work / family)
            self.assertEqual(model.family, family)
            self.assertEqual(model.info["kimg"], 0.032)
            expected = self.sampled(self.work / family, "-n", 6, "--seed", 2)["images"]
            self.assert_near(model.sample(6, seed=2), expected, SMALL, f"{family}, trained")
        # Its reconstructions, too.
        vae = dgl.load(self.work / "vae")
        images = vae.sample(3).clamp(-1, 1)
        write_safetensors(self.work / "x.safetensors", {"images": images})
        self.run_dgl("reconstruct", "--model", "vae", "--images", "x.safetensors", "--out", "y.safetensors")
        expected = read_safetensors(self.work / "y.safetensors")["images"]
        self.assert_near(vae.reconstruct(images, batch_size=2), expected, SMALL, "vae, reconstructions")


class AgreesWithTheReferences(PackageTest):
    """Networks of other programs, which `dgl import` reads, beside what those programs made."""

    def test_stylegan2(self) -> None:
        for name in ("rosinality16", "rosinality32", "ada16-orig", "ada32-labels"):
            model = dgl.load(self.imported(f"stylegan2/{name}.pt"))
            golden = read_safetensors(GOLDEN / f"stylegan2/{name}.safetensors")
            labels = golden.get("labels") if model.num_classes else None
            self.assert_near(model(golden["z"], labels), golden["images"], SMALL, name)
            if "truncated" in golden:
                truncated = model(golden["z"], labels, truncation=0.5)
                self.assert_near(truncated, golden["truncated"], SMALL, f"{name}, psi 0.5")

    def test_biggan(self) -> None:
        for name in ("biggan32", "biggan32-shared", "biggan32-tables", "biggan128"):
            file = "G_ema.pth" if name == "biggan128" else "G.pth"
            model = dgl.load(self.imported(f"biggan/{name}/{file}"))
            golden = read_safetensors(GOLDEN / f"biggan/{name}/outputs.safetensors")
            self.assert_near(model(golden["z"], golden["labels"]), golden["images"], SMALL, name)

    def test_vae(self) -> None:
        for name in ("f2", "f4"):
            model = dgl.load(self.imported(f"vae/{name}.pt", options=("--resolution", 16)))
            golden = read_safetensors(GOLDEN / f"vae/{name}.safetensors")
            mean, log_variance = model.posterior(golden["images"])
            self.assert_near(torch.cat([mean, log_variance], 1), golden["moments"], SMALL, f"{name}, encoder")
            self.assert_near(model(golden["images"]), golden["mode"], SMALL, name)
            expected = self.sampled(self.work / "m", "-n", 3, "--psi", 0.6)["images"]
            self.assert_near(model.sample(3, truncation=0.6), expected, SMALL, f"{name}, prior")
            drawn = [model.posterior(golden["images"]).sample(torch.Generator().manual_seed(1)) for _ in range(2)]
            self.assertTrue(torch.equal(drawn[0], drawn[1]))
            self.assertGreater(float((drawn[0] - mean).abs().max()), 1e-3)
        for name in ("taesd", "taesd3"):
            files = [f"vae/{name}_{network}.pth" for network in ("encoder", "decoder")]
            model = dgl.load(self.imported(*files, options=("--resolution", 32)))
            golden = read_safetensors(GOLDEN / f"vae/{name}.safetensors")
            self.assertIsNone(model.posterior(golden["images"]).log_variance)
            self.assert_near(model.encode(golden["images"]), golden["latents"], SMALL, f"{name}, encoder")
            self.assert_near(model(golden["images"]), golden["mode"], SMALL, name)
            self.assert_near(model.decode(golden["z"]), golden["decoded"], SMALL, f"{name}, decoder")
        # Half an autoencoder.
        alone = dgl.load(self.imported("vae/taesd_decoder.pth", options=("--resolution", 32)))
        self.assertEqual(alone.sample(2).shape, (2, 3, 32, 32))
        with self.assertRaisesRegex(dgl.DglError, "no encoder"):
            alone(golden["images"])

    def test_diffusion(self) -> None:
        path = self.imported("diffusion/ddim.ckpt", options=("--resolution", 8))
        golden = read_safetensors(GOLDEN / "diffusion/ddim.safetensors")
        model = dgl.load(path)
        self.assertEqual((model.precondition, model.sampler, model.grid), ("eps", "euler", "uniform"))
        self.assert_near(model.denoiser(golden["x"], golden["t"]), golden["output"], SMALL, "ddim")
        write_safetensors(self.work / "z.safetensors", {"z": golden["z"]})
        for sampler, steps in (("euler", 10), ("renoise", 4)):
            options = ("--sampler", sampler, "--steps", steps)
            expected = self.sampled(path, "-n", 3, "--seed", 5, *options)["images"]
            self.assert_near(model.sample(3, seed=5, sampler=sampler, steps=steps), expected, SMALL, f"eps, {sampler}")
        # The same network with other settings: DDIM's other grid, and EDM's scaling, whose factors and sampler the
        # reference gave, too.
        tensors, settings = read_safetensors(path), settings_of(path)
        for precondition, grid, samplers in (
            ("eps", "quad", ("euler",)), ("eps", "karras", ("heun",)), ("edm", "karras", ("euler", "heun", "renoise"))
        ):
            settings["denoiser"].update(grid=grid, precondition=precondition, steps=7, sampler="renoise")
            write_safetensors(path, tensors, {"dgl": json.dumps(settings)})
            model = dgl.load(path)
            for sampler in samplers:
                expected = self.sampled(path, "-n", 2, "--sampler", sampler)["images"]
                what = f"{precondition}, {grid}, {sampler}"
                self.assert_near(model.sample(2, sampler=sampler), expected, SMALL, what)
        sigma = golden["sigma"]
        noisy = golden["images"] + golden["noise"] * sigma[:, None, None, None]
        self.assert_near(model(noisy, sigma), golden["denoised"], SMALL, "edm, denoised")
        same = model.denoise(noisy, float(sigma[0]))[0]
        self.assertTrue(torch.allclose(same, golden["denoised"][0], atol=1e-4))

    def test_edm(self) -> None:
        for name in ("edm-ddpmpp.pkl", "edm-ncsnpp.pt"):
            path = self.imported(f"diffusion/{name}")
            golden = read_safetensors((GOLDEN / "diffusion" / name).with_suffix(".safetensors"))
            model = dgl.load(path)
            labels = golden.get("labels")
            self.assert_near(model.denoiser(golden["scaled"], golden["times"], labels), golden["output"], SMALL, name)
            self.assert_near(model(golden["x"], golden["sigma"], labels), golden["denoised"], SMALL, f"{name}, denoised")
            expected = self.sampled(path, "-n", 3, "--seed", 5, "--sampler", "heun", "--steps", 5)["images"]
            self.assert_near(model.sample(3, seed=5, sampler="heun", steps=5), expected, SMALL, f"{name}, heun")

    def test_cyclegan(self) -> None:
        model = dgl.load(self.imported("cyclegan/latest_net_G_A.pth", "cyclegan/latest_net_G_B.pth"))
        golden = read_safetensors(GOLDEN / "cyclegan/step.safetensors")
        self.assert_near(model(golden["a"]), golden["a_to_b"], SMALL, "cyclegan, a to b")
        self.assert_near(model(golden["b"], "b_to_a"), golden["b_to_a"], SMALL, "cyclegan, b to a")
        self.assert_near(model.translate(golden["wide"]), golden["wide_a_to_b"], SMALL, "cyclegan, 24 x 16")
        golden = read_safetensors(GOLDEN / "cyclegan/gan-compression/outputs.safetensors")
        for kind in ("mobile", "sub_mobile"):
            one = dgl.load(self.imported(f"cyclegan/gan-compression/{kind}_net_G.pth"))
            self.assert_near(one(golden["images"]), golden[kind], SMALL, f"gan-compression, {kind}")
        with self.assertRaisesRegex(dgl.DglError, "b_to_a.*the model has a_to_b"):
            one(golden["images"], "b_to_a")
        golden = read_safetensors(GOLDEN / "cyclegan/unet/outputs.safetensors")
        for norm in ("batch", "instance"):
            unet = dgl.load(self.imported(f"cyclegan/unet/{norm}_net_G.pth", options=("--resolution", 32)))
            self.assert_near(unet.train()(golden["images"]), golden[norm], SMALL, f"U-Net, {norm}")
            self.assert_near(unet(golden["wide"]), golden[f"{norm}_wide"], SMALL, f"U-Net, {norm}, 32 x 64")
        with self.assertRaisesRegex(dgl.DglError, "multiples of 32 from 32 on"):
            unet(golden["images"][:, :, :, :16])


class RunsInOtherWays(PackageTest):
    def models(self) -> list:
        made = [ASSETS / f"{name}.safetensors" for name in
                ("mnist32-teacher", "emoji32-biggan-teacher", "digits32-outlines-teacher")]
        shape = {"resolution": 8, "img_channels": 1, "first_channels": 8, "channels": [8, 8], "blocks": 1,
                 "attention": [1], "groups": 4, "group_channels": 2}
        vae = {"family": "vae", **shape, "z_channels": 2, "embed_dim": 2}
        diffusion = {"family": "diffusion", **shape, "classes": 2, "precondition": "edm", "sampler": "euler",
                     "steps": 2, "grid": "karras"}
        tiny = {"family": "vae", "architecture": "tiny", "resolution": 8, "img_channels": 3, "channels": [4, 4],
                "blocks": 1, "z_channels": 2}
        for name, settings in (("vae", {"encoder": vae, "decoder": vae}), ("tiny", {"encoder": tiny, "decoder": tiny}),
                               ("diffusion", {"denoiser": diffusion})):
            random_model(self.work / name, settings)
            made.append(self.work / name)
        return made

    def test_export(self) -> None:
        for path in self.models():
            model = dgl.load(path)
            inputs = dgl.example_inputs(model, 3)
            file = self.work / "x.pt2"
            program = dgl.export(model, file)
            self.assertGreater(file.stat().st_size, 1000)
            if isinstance(program, torch.jit.ScriptModule):
                again = torch.jit.load(str(file))
            else:
                program, again = program.module(), torch.export.load(str(file)).module()
            with torch.no_grad():
                expected = model(*inputs)
                for callable_ in (program, again):
                    self.assert_near(callable_(*inputs), expected, SMALL, f"{model.family}, exported")
        with self.assertRaisesRegex(dgl.DglError, "two images"):
            dgl.export(model, inputs=dgl.example_inputs(model, 1))

    def test_other_types(self) -> None:
        """Double precision is near single precision, and bfloat16 as near as its 8 bits allow."""
        for path in self.models():
            model = dgl.load(path)
            inputs = dgl.example_inputs(model)
            with torch.no_grad():
                expected = model(*inputs)
                self.assert_near(model.double()(*inputs).float(), expected, 1e-4, f"{model.family}, float64")
                if torch.__version__.startswith("1.") and model.family in ("stylegan2", "cyclegan"):
                    continue  # its transposed convolutions take no bfloat16 on a processor
                self.assertEqual(model.bfloat16().dtype, torch.bfloat16)
                made = model(*inputs).float()
            error = float((made - expected).square().mean().sqrt() / expected.square().mean().sqrt())
            print(f"{model.family}, bfloat16: off by {error:.1e} of the root of the mean square")
            self.assertTrue(0 < error < 0.1, f"{path}: bfloat16 is off by {error:.1e}")

    def test_gradients_reach_every_parameter(self) -> None:
        for path in self.models():
            model = dgl.load(path)
            made = model(*dgl.example_inputs(model))
            made.square().sum().backward()
            if model.family == "cyclegan":
                model = model.generator_a_to_b
            lacking = [name for name, parameter in model.named_parameters() if parameter.grad is None]
            self.assertEqual(lacking, [], str(path))

    def test_a_gpu(self) -> None:
        if not torch.cuda.is_available():
            self.skipTest("no GPU here")
        for path in self.models():
            model, inputs = dgl.load(path), dgl.example_inputs(dgl.load(path))
            with torch.no_grad():
                expected = model(*inputs)
                made = dgl.load(path, device="cuda")(*[tensor.cuda() for tensor in inputs])
            self.assert_near(made.cpu(), expected, 1e-3, f"{model.family}, GPU")


class RefusesWhatIsNoModel(PackageTest):
    def put(self, name: str, content: bytes) -> Path:
        (self.work / name).write_bytes(content)
        return self.work / name

    def test_other_files(self) -> None:
        with self.assertRaisesRegex(FileNotFoundError, "nowhere"):
            dgl.load(self.work / "nowhere")
        self.refused(self.put("short", b"abc"), "3 bytes", "safetensors")
        self.refused(self.put("words", b"these are words and no model"), "safetensors")
        self.refused(GOLDEN / "vae/f2.pt", "`dgl import`")
        self.refused(GOLDEN / "formats/legacy2.pt", "`dgl import`")
        (self.work / "empty").mkdir()
        self.refused(self.work / "empty", "without a model.safetensors", "finished run")
        self.refused(ASSETS / "mnist32-features.safetensors", "feature network", "generative model")
        write_safetensors(self.work / "plain", {"x": torch.zeros(2)})
        self.refused(self.work / "plain", "not a dgl model", '"dgl"')
        write_safetensors(self.work / "plain", {"x": torch.zeros(2)}, {"dgl": "[1"})
        self.refused(self.work / "plain", "not JSON")
        write_safetensors(self.work / "plain", {"discriminator.x": torch.zeros(2)}, {"dgl": "{}"})
        self.refused(self.work / "plain", "no generator", "generator_a_to_b")

    def test_broken_models(self) -> None:
        path = ASSETS / "mnist32-teacher.safetensors"
        tensors, settings = read_safetensors(path), settings_of(path)
        bias, target = "generator_ema.synthesis.b8.torgb.bias", self.work / "m"

        def changed(tensors: dict, **generator: object) -> Path:
            own = {**settings, "generator": {**settings["generator"], **generator}}
            write_safetensors(target, tensors, {"dgl": json.dumps(own)})
            return target

        without = dict(tensors)
        del without[bias]
        self.refused(changed(without), "has no tensor", bias)
        # As the program says it.
        done = subprocess.run([DGL, "sample", "--model", target, "--out", "x.png"], cwd=self.work, capture_output=True,
                              text=True)
        self.assertIn(f"has no tensor {bias}", done.stderr)
        few = {name: tensor for name, tensor in tensors.items() if not name.startswith("generator_ema.mapping.")}
        self.refused(changed(few), "generator_ema.mapping.fc0.weight", "and 2 more")
        self.refused(changed({**tensors, "generator_ema.more": torch.zeros(1)}), "generator_ema.more", "not known")
        self.refused(changed({**tensors, bias: torch.zeros(2)}), bias, "[2], expected [1]")
        self.refused(changed({**tensors, bias: torch.zeros(1, dtype=torch.int64)}), bias, "floating-point")
        self.refused(changed(tensors, family="gan"), 'family "gan" is not known', "stylegan2 or biggan")
        self.refused(changed(tensors, resolution=33), "resolution = 33", "power of two")
        self.refused(changed(tensors, z_dim=10**9), "z_dim = 1000000000", "1 to 4096")
        self.refused(changed(tensors, channels={"4": 1}), "channels", "8 is missing")
        # A network of many gigabytes is refused by its tensors' shapes, before it is allocated.
        huge = {str(2**i): 4096 for i in range(2, 6)}
        self.refused(changed(tensors, channels=huge, const_channels=4096), "expected [4096")
        half = changed({name: tensor.bfloat16() for name, tensor in tensors.items()})
        self.assertEqual(dgl.load(half).dtype, torch.float32)

    def test_folders(self) -> None:
        """A run's folder, and one whose metadata stands in config.json alone."""
        path = ASSETS / "mnist32-teacher.safetensors"
        (self.work / "run").mkdir()
        shutil.copy(path, self.work / "run/model.safetensors")
        expected = dgl.load(path).sample(2)
        self.assertTrue(torch.equal(dgl.load(self.work / "run").sample(2), expected))
        write_safetensors(self.work / "run/model.safetensors", read_safetensors(path))
        self.refused(self.work / "run/model.safetensors", "not a dgl model")
        (self.work / "run/config.json").write_text(json.dumps(settings_of(path)))
        self.assertTrue(torch.equal(dgl.load(str(self.work / "run")).sample(2), expected))
        # As `dgl export` writes one for the Hugging Face Hub.
        self.run_dgl("export", "--model", path, "--to", "huggingface", "--out", "hub")
        self.assertTrue(torch.equal(dgl.load(self.work / "hub").sample(2), expected))
        write_safetensors(self.work / "hub/model.safetensors", read_safetensors(path))
        self.assertTrue(torch.equal(dgl.load(self.work / "hub").sample(2), expected))

    def test_broken_safetensors(self) -> None:
        def file(header: object, data: bytes = b"") -> Path:
            text = header if isinstance(header, bytes) else json.dumps(header).encode()
            return self.put("s", struct.pack("<Q", len(text)) + text + data)

        def entry(dtype: object = "F32", shape: object = (2,), offsets: object = (0, 8)) -> dict:
            return {"dtype": dtype, "shape": shape, "data_offsets": offsets}

        data = bytes(8)
        self.assertEqual(read_safetensors(file({"x": entry()}, data))["x"].tolist(), [0, 0])
        self.assertEqual(read_safetensors(file({"x": entry(shape=[0, 3], offsets=[0, 0])}))["x"].shape, (0, 3))
        self.assertEqual(read_safetensors(file({"x": entry("BF16", (), (0, 2))}, b"\x80\x3f"))["x"].item(), 1)
        huge = 2**40
        for header, content, says in (
            (b"", b"", "not JSON"),
            (b" {}", b"", "not a JSON object"),
            (b"[]", b"", "not a JSON object"),
            (b"[" * 100_000, b"", "not JSON"),
            (b'{"x":1,"x":2}', b"", "twice"),
            (b"{\xff}", b"", "not JSON"),
            ({"__metadata__": {"a": 1}}, b"", "expected a text"),
            ({"__metadata__": []}, b"", "object of texts"),
            ({"x": 1}, b"", "expected dtype, shape"),
            ({"x": entry("F31")}, data, '"F31" is not supported'),
            ({"x": entry(shape=[-2])}, data, "whole numbers"),
            ({"x": entry(shape=[True])}, data, "whole numbers"),
            ({"x": entry(shape=[1] * 65)}, data, "65 dimensions"),
            ({"x": entry(shape=[huge, huge], offsets=[0, 0])}, b"", "overflows"),
            ({"x": entry(shape=[0, huge, huge], offsets=[0, 0])}, b"", "overflows"),
            ({"x": entry(offsets=[0, 9])}, data, "outside"),
            ({"x": entry(offsets=[8, 0])}, data, "outside"),
            ({"x": entry(offsets=[0, 1.5])}, data, "data_offsets"),
            ({"x": entry(shape=[1])}, data, "need 4 bytes"),
            ({"x": entry(), "y": entry(offsets=[4, 12])}, bytes(12), "overlaps"),
            ({"x": entry(offsets=[4, 12])}, bytes(12), "hole"),
            ({"x": entry()}, bytes(9), "1 bytes of data belong to no tensor"),
            ({"x\n": entry()}, data, "control characters"),
        ):
            with self.subTest(says, header=str(header)[:60]):
                path = file(header, content)
                with self.assertRaises(dgl.DglError) as caught:
                    SafetensorsFile(path)
                self.assertIn(says, str(caught.exception))
        with self.assertRaisesRegex(dgl.DglError, "neither 0 nor 1"):
            read_safetensors(file({"x": entry("BOOL", [1], [0, 1])}, b"\x02"))
        with self.assertRaisesRegex(dgl.DglError, "does not fit"):
            SafetensorsFile(self.put("s", struct.pack("<Q", 2**63) + b"{}"))


class InstallsByPip(PackageTest):
    def test_install(self) -> None:
        if importlib.util.find_spec("pip") is None:
            self.skipTest("no python3-pip here")
        shutil.copytree(SOURCE / "python", self.work / "python")
        target = self.work / "installed"
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation",
             "--disable-pip-version-check", "--target", str(target), str(self.work / "python")],
            capture_output=True, text=True, env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"})
        self.assertEqual(done.returncode, 0, done.stderr)
        program = "import dgl, importlib.metadata as m; print(dgl.__file__, m.version('dgl'))"
        done = subprocess.run([sys.executable, "-c", program], cwd=self.work, capture_output=True, text=True,
                              env={**os.environ, "PYTHONPATH": str(target)})
        version = subprocess.run([DGL, "--version"], capture_output=True, text=True).stdout.split()[1].rstrip(",")
        self.assertEqual(done.stdout.split(), [str(target / "dgl/__init__.py"), version], done.stderr)
        self.assertTrue((target / "dgl/py.typed").exists())


def main() -> int:
    result = unittest.main(argv=[sys.argv[0], *sys.argv[3:]], exit=False).result
    if result.skipped and len(result.skipped) == result.testsRun:
        print(f"skipped: {result.skipped[0][1]}")
        return 77
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
