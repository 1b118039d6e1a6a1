"""What the value of a setting must be: types of fields, and what refuses a value. Settings: `settings`."""

import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from flybill_pipeline.notifiers.signing import signing_keys
from flybill_pipeline.stores.files.folders import BUCKETS
from flybill_pipeline.stripe_gateway.keys import key_fault

SHORTEST_SECRET = 32
MOST_LOOKBACK = 24  # months
MOST_SHARDS = 1000
"""Of a month: each is a partition, and a page of Dagster's shows all of them."""
SPARK_MASTER = re.compile(r"yarn|local(\[(\*|[1-9][0-9]{0,3})\])?")
CUT_PASSWORD = re.compile(r"[^:]+://[^:/]*(:[^@]*)?@[^?]*@")
"""Where a password has an @ that is not written %40: its rest would be taken for a host, and be shown as one."""
ADDRESS = re.compile(r"[^@\s,<>\"']+@[A-Za-z0-9.-]+")


def _absolute(path: Path) -> Path:
    try:
        str(path).encode()
        return path.expanduser().absolute()
    except UnicodeError:
        raise ValueError("is no path in UTF-8") from None
    except (RuntimeError, OSError):
        raise ValueError("is no path: ~ with the name of nobody here, or the folder that you are in is gone") from None


def _absolute_folder(url: str) -> str:
    """A path as an absolute one: a child process works elsewhere."""
    if "://" not in url:
        return str(_absolute(Path(url)))
    if not re.match("file://(localhost)?/", url):
        raise ValueError("must be a folder of this machine: a path, or file:///…, such as that of a mounted bucket")
    return url


def _absolute_place(url: str) -> str:
    scheme, _, rest = url.partition("://")
    if scheme in BUCKETS and re.match(r"[\w.-]+(/|$)", rest):
        _require_plain(rest)
        return url
    if rest and scheme != "file":
        raise ValueError("must be a folder of this machine, or a bucket: s3://…, gs://… or az://…")
    return _absolute_folder(url)


def _require_plain(place: str) -> None:
    """A bucket and a folder in it, written as they are called: else files would lie elsewhere than the address says."""
    parts = place.removesuffix("/").split("/")
    if set("#?%") & set(place) or not place.isprintable():
        raise ValueError("must be a bucket and a folder as they are called, without # ? % and control characters")
    if any(part in (".", "..") or part != part.strip() or not part for part in parts):
        raise ValueError("must be a bucket and a folder as they are called: no part empty, . or .., no blank at an end")


def _address(url: str, schemes: tuple[str, ...], *, only_host: bool = False) -> bool:
    """Whether it is an address of one of the schemes; `only_host`: with nothing after its host and port."""
    parts = urlsplit(url)
    plain = url.isascii() and url.isprintable() and " " not in url
    right = plain and parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    return right and not (only_host and (parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc))


def _require(right: bool) -> None:
    if not right:
        raise ValueError


def _http(url: SecretStr | str) -> Any:
    _require(_address(url.get_secret_value() if isinstance(url, SecretStr) else url, ("http", "https")))
    return url


def _catalog(name: str) -> str:
    """An address says nothing of who asks: that stands in pyiceberg's own configuration."""
    _require(bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,99}", name)) or _address(name, ("http", "https")))
    _require("@" not in name)
    return name


def _contact(contact: str) -> str:
    """What customers are shown as it is."""
    if "://" in contact:
        _require("@" not in contact and _address(contact, ("http", "https")))
    else:
        _require(bool(ADDRESS.fullmatch(contact)))
    return contact


def _base(url: str) -> str:
    _require(_address(url, ("http", "https"), only_host=True))
    return url


def _statement(url: str) -> str:
    """What stands in braces is put in by us; nothing else may."""
    _require("{org}" in url and not set("{}") & set(url.replace("{org}", "").replace("{month}", "")))
    _require(_address(url.replace("{org}", "o").replace("{month}", "m"), ("http", "https")))
    return url


def _engine(url: SecretStr) -> SecretStr:
    """Ibis' address of a ClickHouse, or what Spark calls a remote or a master."""
    text = url.get_secret_value()
    _require(bool(SPARK_MASTER.fullmatch(text)) or _address(text, ("clickhouse", "sc", "spark", "k8s")))
    return url


def _tree(url: str) -> str:
    """GitHub's and GitLab's way to name a branch or a tag."""
    _require(_address(url, ("http", "https")) and all(url.partition("/tree/")))
    return url


def _smtp(url: SecretStr) -> SecretStr:
    _require(_address(url.get_secret_value(), ("smtp", "smtps")))
    return url


def _postgres(url: str) -> str:
    # The driver is named: a bare address means one that Dagster fails with, which hands it to SQLAlchemy as it is.
    _require(urlsplit(url).scheme.split("+")[0] in ("postgres", "postgresql") and url.isprintable())
    _require(not CUT_PASSWORD.match(url))
    return re.sub("^postgres(ql)?://", "postgresql+psycopg2://", url)


def _addresses(text: str) -> str:
    _require(text.isascii() and all(ADDRESS.fullmatch(each.strip()) for each in text.split(",")))
    return text


def _key(key: SecretStr) -> SecretStr:
    if fault := key_fault(key.get_secret_value()):
        raise ValueError(fault)
    return key


def _word(secret: SecretStr) -> SecretStr:
    _require(bool(re.fullmatch(r"[!-~]+", secret.get_secret_value())))
    return secret


def _long_word(secret: SecretStr) -> SecretStr:
    _require(len(secret.get_secret_value()) >= SHORTEST_SECRET)
    return _word(secret)


def _signing_secrets(secrets: SecretStr) -> SecretStr:
    _require(bool(signing_keys(secrets.get_secret_value())))
    return secrets


def _one_or_zero(value: bool | str) -> bool:
    _require(value in (True, False, "1", "0"))
    return value in (True, "1")


OnlyOne = Annotated[bool, BeforeValidator(_one_or_zero)]
"""Switched on by a 1, and refused when it is neither 1 nor 0: a `true` is not taken for "off" either."""
Place = Annotated[str, AfterValidator(_absolute_place)]
PathOf = Annotated[Path, AfterValidator(_absolute)]
Postgres = Annotated[str, AfterValidator(_postgres)]
Rate = Annotated[float, Field(gt=0, le=10_000)]
Addresses = Annotated[str, AfterValidator(_addresses)]
Base = Annotated[str, AfterValidator(_base)]
Catalog = Annotated[str, AfterValidator(_catalog)]
Contact = Annotated[str, AfterValidator(_contact)]
Http = Annotated[str, AfterValidator(_http)]
Statement = Annotated[str, AfterValidator(_statement)]
Tree = Annotated[str, AfterValidator(_tree)]
Key = Annotated[SecretStr, AfterValidator(_key)]
Word = Annotated[SecretStr, AfterValidator(_word)]
LongWord = Annotated[SecretStr, AfterValidator(_long_word)]
SecretHttp = Annotated[SecretStr, AfterValidator(_http)]
EngineAddress = Annotated[SecretStr, AfterValidator(_engine)]
Smtp = Annotated[SecretStr, AfterValidator(_smtp)]
SigningSecrets = Annotated[SecretStr, AfterValidator(_signing_secrets)]
