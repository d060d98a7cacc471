"""The settings of a network, as a model file's metadata holds them (docs/formats.md, "Models")."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence

from .errors import DglError

MAX_LEVELS = 8
MAX_BLOCKS = 16
MAX_MAPS = 16384
"""Most feature maps of a layer of a U-Net, BigGAN or ResNet."""


class Settings:
    """Reads a JSON object key by key, as TableReader in src/dgl/base does.

    Every method raises DglError, which names the file and the key, for a value that is absent, of another type or out
    of range. Ranges bound what a damaged file can ask for.
    """

    def __init__(self, values: Any, origin: str) -> None:
        if not isinstance(values, Mapping):
            raise DglError(f"{origin}: the network's settings are no JSON object")
        self.values: Mapping[str, Any] = values
        self.origin = origin

    def fail(self, key: str, expected: str) -> DglError:
        value = f" = {self.values[key]!r}" if key in self.values else " is missing"
        return DglError(f"{self.origin}: network setting {key}{value}: expected {expected}")

    def integer(self, key: str, low: int, high: int, default: Optional[int] = None) -> int:
        value = self.values.get(key, default)
        if type(value) is not int or not low <= value <= high:
            raise self.fail(key, f"a whole number from {low} to {high}")
        return value

    def integers(self, key: str, low: int, high: int, most: int) -> List[int]:
        value = self.values.get(key)
        if not isinstance(value, list) or len(value) > most:
            raise self.fail(key, f"a list of at most {most} whole numbers")
        if not all(type(item) is int and low <= item <= high for item in value):
            raise self.fail(key, f"whole numbers from {low} to {high}")
        return list(value)

    def choice(self, key: str, choices: Sequence[str], default: Optional[str] = None) -> str:
        value = self.values.get(key, default)
        if value not in choices:
            raise self.fail(key, " or ".join(choices))
        return str(value)

    def boolean(self, key: str, default: bool) -> bool:
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.fail(key, "true or false")
        return value

    def power_of_two(self, key: str = "resolution") -> int:
        """A side of images from 8 to 4096."""
        value = self.integer(key, 8, 4096)
        if value & (value - 1):
            raise self.fail(key, "a power of two")
        return value

    def channels_by_side(self, key: str, sides: Sequence[int], most: int) -> Dict[int, int]:
        """An object with a number of feature maps for each side."""
        table = self.values.get(key)
        if not isinstance(table, Mapping):
            raise self.fail(key, f"an object with a number for each of {', '.join(map(str, sides))}")
        reader = Settings(table, f"{self.origin}: {key}")
        return {side: reader.integer(str(side), 1, most) for side in sides}


def check_levels(settings: Settings, resolution: int, levels: int) -> None:
    """Raises DglError unless there is a level and each after the first can halve the side."""
    if levels == 0:
        raise settings.fail("channels", "one level or more")
    factor = 2 ** (levels - 1)
    if resolution % factor:
        raise settings.fail("resolution", f"a multiple of {factor}, by which {levels} levels divide it")
