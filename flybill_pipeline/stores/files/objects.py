"""A bucket, or a part of one, as files: listed, fetched, put. The only speaker to object stores; decides nothing.

Credentials and endpoint are those of the environment, as the library looks for them (AWS_ACCESS_KEY_ID, AWS_REGION,
AWS_ENDPOINT_URL, GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_ACCOUNT_NAME, …). They are shown nowhere.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import cached_property
from io import SEEK_CUR, SEEK_END, SEEK_SET, BufferedReader, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, InvalidPathError
from obstore.store import from_url

from flybill_pipeline.stores.files.folders import ObjectsError

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

CHUNK, READ_AT_ONCE = 8 * 1024 * 1024, 256 * 1024
_PATIENCE: "ClientConfig" = {
    "allow_http": True,  # which is asked for by an endpoint that begins so
    "connect_timeout": timedelta(seconds=5),
    "read_timeout": timedelta(seconds=30),
    "timeout": timedelta(days=1),  # of a large file as a whole
}
_AGAIN: "RetryConfig" = {"max_retries": 3, "retry_timeout": timedelta(seconds=60)}
_NO_BUCKET = re.compile("NoSuchBucket|ContainerNotFound")
"""What S3 and Google say, and Azure. A question whether an object is there is answered without words."""
_METADATA_SERVICE = "169.254.169.254"
"""Who gives credentials to machines of a cloud: asked where the environment has none."""


class Lying(NamedTuple):
    """An object as it was listed. `tag` is another one whenever its content is."""

    path: str
    size: int
    modified: datetime
    tag: str


class Objects:
    """The objects below `url`, such as s3://bucket/landing. Nothing is asked of it until it is used."""

    def __init__(self, url: str) -> None:
        self.url = url

    def all(self, folder: str | None = None) -> Iterator[Lying]:
        """Every object, or those below a folder. Raises ObjectsError."""
        with self._told():
            for page in obstore.list(self._store, folder):
                for each in page:
                    yield Lying(each["path"], each["size"], each["last_modified"], each["e_tag"] or "")

    def find(self, path: str) -> Lying | None:
        """The object at `path`, if there is one. Raises ObjectsError."""
        try:
            with self._told(may_miss=True):
                found = obstore.head(self._store, path)
        except FileNotFoundError:
            return None
        return Lying(path, found["size"], found["last_modified"], found["e_tag"] or "")

    def fetch(self, lying: Lying, to: Path) -> None:
        """Writes the object to `to`. Raises ObjectsError, also where it is another one by now."""
        try:
            with to.open("wb") as file:
                for chunk in self._chunks(lying):
                    file.write(chunk)
        except OSError as error:
            raise ObjectsError(f"{to.parent} cannot be written to: {error.strerror}") from None
        if to.stat().st_size != lying.size:
            raise ObjectsError(f"{lying.path} was not fetched whole")

    def _chunks(self, lying: Lying) -> Iterator[Any]:
        try:
            with self._told(may_miss=True):
                answer = obstore.get(self._store, lying.path, options=_only_if_it_is(lying.tag))
                yield from answer.stream(min_chunk_size=CHUNK)
        except FileNotFoundError:
            raise ObjectsError(f"{lying.path} was taken away before it was fetched") from None

    def put(self, file: Path, path: str) -> None:
        """Makes `file` the object at `path`, whole or not at all. Raises ObjectsError."""
        with self._told():
            obstore.put(self._store, path, file)

    def create(self, content: bytes, path: str) -> bool:
        """Makes an object at `path` unless there is one: whether it did. Raises ObjectsError."""
        try:
            with self._told():
                obstore.put(self._store, path, content, mode="create")
        except (FileExistsError, AlreadyExistsError):
            return False
        return True

    def part(self, lying: Lying, start: int, end: int) -> bytes:
        """The bytes of an object from `start` to before `end`, or to its own end. Raises ObjectsError."""
        if start >= min(end, lying.size):
            return b""
        with self._told(may_miss=True):
            return bytes(obstore.get_range(self._store, lying.path, start=start, end=min(end, lying.size)))

    def opened(self, path: str) -> BufferedReader:
        """The object as a file to read from, anywhere in it. Raises FileNotFoundError, ObjectsError."""
        lying = self.find(path)
        if lying is None:
            raise FileNotFoundError(f"{self.url}/{path}")
        return BufferedReader(_Parts(self, lying), READ_AT_ONCE)

    def write(self, content: bytes, path: str) -> None:
        """Makes the object at `path` have this content. Raises ObjectsError."""
        with self._told():
            obstore.put(self._store, path, content)

    def remove(self, path: str) -> None:
        """Takes the object at `path` away, if there is one. Raises ObjectsError."""
        with suppress(FileNotFoundError), self._told(may_miss=True):
            obstore.delete(self._store, path)

    @cached_property
    def _store(self) -> "ObjectStore":
        try:
            return from_url(self.url, client_options=_PATIENCE, retry_config=_AGAIN)
        except (BaseError, ValueError):
            raise ObjectsError(
                f"{self.url}: its address and the environment do not say enough to find the bucket: give "
                "s3://bucket/…, gs://bucket/… or az://container/…, and the variables of docs/configuration.md"
            ) from None

    @contextmanager
    def _told(self, *, may_miss: bool = False) -> Iterator[None]:
        """`may_miss`: that an object is not there is an answer. What is put or listed misses nothing but the bucket."""
        try:
            yield
        except (FileExistsError, AlreadyExistsError):
            raise
        except FileNotFoundError as error:
            if may_miss and not _NO_BUCKET.search(str(error)):
                raise
            raise ObjectsError(f"{self.url}: {_why(error)}") from None
        except (BaseError, OSError, ValueError) as error:
            raise ObjectsError(f"{self.url}: {_why(error)}") from None


def _only_if_it_is(tag: str) -> "GetOptions":
    """In quotes, as HTTP has it: listings of Azure leave them out."""
    quoted = tag if tag.endswith('"') else f'"{tag}"'
    return {"if_match": quoted} if tag else {}


class _Parts(RawIOBase):
    """An object that is read in parts."""

    def __init__(self, objects: Objects, lying: Lying) -> None:
        self._objects, self._lying, self._at = objects, lying, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        self._at = offset + {SEEK_SET: 0, SEEK_CUR: self._at, SEEK_END: self._lying.size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        found = self._objects.part(self._lying, self._at, self._at + len(buffer))
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)


def _why(error: Exception) -> str:
    """What the library says, in our words: it quotes whole answers, and addresses that may be signed."""
    said = str(error)
    if isinstance(error, OSError) and error.strerror and not isinstance(error, BaseError):
        return error.strerror
    if "(os error" in said:  # of a file of this machine
        return said.partition(" (os error")[0]
    if isinstance(error, InvalidPathError | ValueError):
        return _odd_name(said, listed=isinstance(error, InvalidPathError))
    if "412 Precondition" in said:
        return "the file was changed while it was fetched"
    if _NO_BUCKET.search(said) or isinstance(error, FileNotFoundError):
        return "there is no such bucket: correct its name"
    if _METADATA_SERVICE in said:
        return "the environment has no credentials: set those of docs/configuration.md"
    if re.search(r"\b40[13] |PermissionDenied|Unauthenticated", said):
        return "the bucket does not let these credentials do this: give them the right to list, read and write"
    if "Header missing from response" in said:
        return (
            "the bucket unpacks the file while it sends it, so nobody knows its size: store it without "
            "Content-Encoding: gzip, under a name that ends in .gz"
        )
    status = re.search(r"status code: (\d{3})", said)
    if status:
        return f"the bucket answers {status[1]}: ask its owner, or try again in a while"
    return "the bucket does not answer: look whether its address and the network are right"


def _odd_name(said: str, *, listed: bool) -> str:
    """No page of a listing that has such a name is given, so it cannot be left out."""
    found = re.search('Path "(.*?)"(?: contained|: )', said, re.DOTALL)
    name = repr(found[1]) if found else "something"
    return (
        f"{f'{name} lies there, and nothing beside it can be listed' if listed else f'{name} cannot lie there'}: names "
        "may have no empty part as in a//b, no . or .. as a part, no control character. Rename it"
        f"{', or move it elsewhere' if listed else ''}"
    )
