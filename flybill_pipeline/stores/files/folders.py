"""Turns the address of the lake or the landing zone into a place on disk, or says that it is a bucket: `objects`."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

BUCKETS = ("s3", "gs", "az")


class AddressError(Exception):
    """The address names storage that flybill cannot use; the message names the address and the remedy."""


class ObjectsError(Exception):
    """A bucket did not do what it was asked to; the message names it, and says what to do."""


def in_bucket(url: str) -> bool:
    """Whether the address is one of an object store."""
    return urlsplit(url).scheme in BUCKETS


def local_folder(url: str) -> Path:
    """The folder that `url` (a plain path or file://…) names, created if it is not there. Raises AddressError."""
    folder = place_of(url)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AddressError(f"{url}: no folder can be here: {error.strerror}; name one that flybill may make") from None
    return folder


def place_of(url: str) -> Path:
    """Where the folder that `url` names is, or would be. Raises AddressError."""
    parts = urlsplit(url)
    if "://" not in url:
        folder = Path(url).expanduser()
    elif parts.scheme == "file" and parts.netloc in ("", "localhost"):
        folder = Path(unquote(parts.path))
    else:
        raise AddressError(
            f"{url}: {parts.scheme}:// is not supported yet; give a local path or file:///…, such as a mounted bucket"
        )
    return folder.absolute()


def is_there(path: Path) -> bool:
    """Whether something is there that may be looked at: `Path.exists` raises below a closed folder."""
    try:
        return path.exists()
    except OSError:
        return False


def below(folder: Path, relative: str) -> str:
    """The address at which DuckDB reads or writes `relative` below `folder`."""
    return str(folder / relative)
