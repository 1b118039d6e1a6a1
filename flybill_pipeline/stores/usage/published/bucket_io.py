"""How pyiceberg reads and writes metadata in a bucket: by `files/objects`, as all of flybill does. Decides nothing."""

from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from pyiceberg.io import FileIO, InputFile, OutputFile

from flybill_pipeline.stores.files.objects import Objects


class BucketIO(FileIO):
    """The objects of any bucket, by their addresses."""

    def new_input(self, location: str) -> "BucketFile":
        """See FileIO."""
        return BucketFile(location)

    def new_output(self, location: str) -> "BucketFile":
        """See FileIO."""
        return BucketFile(location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """See FileIO."""
        file = BucketFile(location if isinstance(location, str) else location.location)
        file.objects.remove(file.path)


class BucketFile(InputFile, OutputFile):
    """The object at an address, such as s3://bucket/lake/usage/daily/metadata/v1.metadata.json."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        parts = urlsplit(location, allow_fragments=False)
        self.objects = Objects(f"{parts.scheme}://{parts.netloc}")
        self.path = location.removeprefix(f"{parts.scheme}://{parts.netloc}/")

    def __len__(self) -> int:
        """Bytes. Raises FileNotFoundError, ObjectsError."""
        found = self.objects.find(self.path)
        if found is None:
            raise FileNotFoundError(self.location)
        return found.size

    def exists(self) -> bool:
        """Whether it is there. Raises ObjectsError."""
        return self.objects.find(self.path) is not None

    def open(self, seekable: bool = True) -> Any:
        """A file to read from, anywhere in it. Raises FileNotFoundError, ObjectsError."""
        return self.objects.opened(self.path)

    def create(self, overwrite: bool = False) -> "_Draft":
        """A file to write to, which is there once it is closed. Raises FileExistsError, ObjectsError."""
        if not overwrite and self.exists():
            raise FileExistsError(self.location)
        return _Draft(self)

    def to_input_file(self) -> "BucketFile":
        """See OutputFile."""
        return self


class _Draft(BytesIO):
    """What is written is put when it is closed; of a block that fails nothing is."""

    def __init__(self, file: BucketFile) -> None:
        super().__init__()
        self._file: BucketFile | None = file

    def __exit__(self, kind: object, *rest: Any) -> None:
        if kind is not None:
            self._file = None
        super().__exit__(kind, *rest)  # type: ignore[arg-type]

    def close(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            file.objects.write(self.getvalue(), file.path)
        super().close()
