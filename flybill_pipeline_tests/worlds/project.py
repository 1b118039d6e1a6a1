"""Where things lie: the project's folder, and the collections of facts beside it, which are not everywhere."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SHARED = PROJECT.parent / "shared"
