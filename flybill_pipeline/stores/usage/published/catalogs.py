"""Which catalog names the tables, and the tables in it: found, or made. What they hold: commits.py.

Our own is pyiceberg's SQL catalog in the billing database. Another one is described by pyiceberg's own configuration.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.table import Table
from sqlalchemy import Engine
from sqlalchemy.engine import URL

from flybill_pipeline.stores.usage.lake.ownership import LakeError
from flybill_pipeline.stores.usage.published.schemas import NAMESPACE, OpenTable

OWN = "own"
NAME = "flybill"
SCHEMA = "flybill_lake"
"""Of the billing database: the tables of the catalog, which a migration makes."""
_NO_PATH_OF_AN_ADDRESS = frozenset("#?")


@contextmanager
def opened_catalog(which: str, engine: Engine) -> Iterator[Catalog]:
    """The catalog that the setting names: OWN, an address of a REST catalog, or a name in pyiceberg's configuration."""
    if which == OWN:
        uri = in_schema(engine.url).render_as_string(hide_password=False)
        catalog: Catalog = SqlCatalog(NAME, uri=uri, init_catalog_tables="false", pool_pre_ping="true")
    elif "://" in which:
        catalog = load_catalog(NAME, type="rest", uri=which)
    else:
        catalog = load_catalog(which)
    try:
        yield catalog
    finally:
        catalog.close()


def in_schema(url: URL) -> URL:
    """The billing database, where names of tables without a schema are those of the catalog."""
    given = url.query.get("options", "")
    options = given if isinstance(given, str) else " ".join(given)
    return url.update_query_dict({"options": f"{options} -csearch_path={SCHEMA}".strip()})


def address(path: Path) -> str:
    """A path as the tables have it: what an address cannot say is left as it is, which fewer engines can read."""
    return str(path) if _NO_PATH_OF_AN_ADDRESS & set(str(path)) else f"file://{path}"


def path_of(location: str) -> Path:
    """The path that an address of ours means."""
    return Path(location.removeprefix("file://"))


def opened_table(catalog: Catalog, table: OpenTable, root: Path, *, ours: bool) -> Table:
    """The table below the lake's `root`; made where there is none.

    In our own catalog a table that lies elsewhere is of the lake that a backup was taken from, and one whose metadata
    is gone is of no use: it is made again. Raises LakeError where another's catalog has such a table.
    """
    identifier, location = (NAMESPACE, table.name), address(root / NAMESPACE / table.name)
    try:
        found = catalog.load_table(identifier)
        if found.location() == location:
            return found
        lies = f"lies in {found.location()}"
    except NoSuchTableError:
        return _made(catalog, table, location)
    except FileNotFoundError:
        lies = "has lost its metadata"
    if not ours:
        raise LakeError(
            f"the table {NAMESPACE}.{table.name} of the catalog (FLYBILL_LAKE_CATALOG) {lies}, and this lake is {root}."
            " Nothing was published. Name another catalog, or drop the table there if it is nobody's"
        )
    catalog.drop_table(identifier)
    return _made(catalog, table, location)


def _made(catalog: Catalog, table: OpenTable, location: str) -> Table:
    catalog.create_namespace_if_not_exists(NAMESPACE)
    return catalog.create_table(
        (NAMESPACE, table.name),
        table.schema,
        location=location,
        partition_spec=table.partitions,
        properties=table.properties,
    )


def hint(table: Table) -> None:
    """Notes beside the table which of its metadata is in force, for readers that ask no catalog.

    Another's catalog may keep its metadata where no folder of ours is.
    """
    metadata = path_of(table.metadata_location)
    if not metadata.parent.is_dir():
        return
    note, draft = metadata.with_name("version-hint.text"), metadata.with_name(".version-hint.partial")
    try:
        if note.read_text("utf-8") == metadata.name:
            return
    except FileNotFoundError:
        pass
    draft.write_text(metadata.name, "utf-8")
    draft.replace(note)
