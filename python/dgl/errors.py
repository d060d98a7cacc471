"""The error of this package."""

from __future__ import annotations


class DglError(ValueError):
    """Says in one line which file, setting, tensor or argument is wrong, and what was expected."""
