"""Which catalog names the tables, and the tables in it: found, or made. What they hold: commits.py.

Our own is pyiceberg's SQL catalog in the billing database. Another one is described by pyiceberg's own configuration.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePosixPath

from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.table import Table
from sqlalchemy import Engine, select

from flybill_pipeline.stores.files.folders import in_bucket
from flybill_pipeline.stores.usage.lake.ownership import LakeError
from flybill_pipeline.stores.usage.lake.storage import Storage
from flybill_pipeline.stores.usage.published.schemas import NAMESPACE, OpenTable

OWN = "own"
NAME = "flybill"
BUCKET_IO = "flybill_pipeline.stores.usage.published.bucket_io.BucketIO"
SCHEMA = "flybill_lake"
"""Of the billing database: the tables of the catalog, which a migration makes."""


@contextmanager
def opened_catalog(which: str, engine: Engine, storage: Storage) -> Iterator[Catalog]:
    """The catalog that the setting names: OWN, an address of a REST catalog, or a name in pyiceberg's configuration."""
    if which == OWN:
        catalog: Catalog = _own(engine, {"py-io-impl": BUCKET_IO} if in_bucket(storage.shown) else {})
    elif "://" in which:
        catalog = load_catalog(NAME, type="rest", uri=which)
    else:
        catalog = load_catalog(which)
    try:
        yield catalog
    finally:
        catalog.close()


def _own(engine: Engine, files: Mapping[str, str]) -> SqlCatalog:
    """Its tables are those of our schema by their names: a path of search is an option that poolers do not take."""
    uri = engine.url.render_as_string(hide_password=False)
    catalog = SqlCatalog(NAME, uri=uri, init_catalog_tables="false", pool_pre_ping="true", **files)
    catalog.engine = catalog.engine.execution_options(schema_translate_map={None: SCHEMA})
    return catalog


def opened_table(catalog: Catalog, table: OpenTable, storage: Storage, *, ours: bool) -> Table:
    """The table in the lake's folder of it; made where there is none.

    In our own catalog a table that lies elsewhere is of the lake before it moved, where perhaps nobody can read it any
    more, and one whose metadata is gone is of no use: it is made again. Raises LakeError where another's catalog has
    such a table.
    """
    identifier, location = (NAMESPACE, table.name), storage.address(f"{NAMESPACE}/{table.name}")
    if isinstance(catalog, SqlCatalog) and ours:
        _forget_elsewhere(catalog, table, f"{location}/")
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
            f"the table {NAMESPACE}.{table.name} of the catalog (FLYBILL_LAKE_CATALOG) {lies}, and this lake is "
            f"{storage.shown}. Nothing was published. Name another catalog, or drop the table there if it is nobody's"
        )
    catalog.drop_table(identifier)
    return _made(catalog, table, location)


def _forget_elsewhere(catalog: SqlCatalog, table: OpenTable, here: str) -> None:
    row = IcebergTables.catalog_name == catalog.name, IcebergTables.table_name == table.name
    with catalog.engine.begin() as connection:
        place = connection.scalar(select(IcebergTables.metadata_location).where(*row))
    if place is not None and not place.startswith(here):
        catalog.drop_table((NAMESPACE, table.name))


def _made(catalog: Catalog, table: OpenTable, location: str) -> Table:
    catalog.create_namespace_if_not_exists(NAMESPACE)
    return catalog.create_table(
        (NAMESPACE, table.name),
        table.schema,
        location=location,
        partition_spec=table.partitions,
        properties=table.properties,
    )


def hint(table: Table, storage: Storage) -> None:
    """Notes beside the table which of its metadata is in force, for readers that ask no catalog.

    Without the end of its name: pyiceberg takes either, DuckDB puts the end there itself. Another's catalog may keep
    its metadata where no folder of ours is.
    """
    folder = metadata_folder(table)
    name, note = PurePosixPath(table.metadata_location).name, f"{folder}/version-hint.text"
    version = name.removesuffix(".metadata.json")
    if table.metadata_location == storage.address(f"{folder}/{name}") and storage.read(note) != version:
        storage.write(version, note)


def metadata_folder(table: Table) -> str:
    """Where metadata of a table is, below the lake."""
    return f"{NAMESPACE}/{table.name()[-1]}/metadata"
