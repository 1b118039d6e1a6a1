"""What a database is like, for somebody who looks whether it answers: its version and schema. Changes nothing."""

from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from flybill_pipeline.stores.postgres.database import newest_revision, open_engine, schema_revision
from flybill_pipeline.stores.postgres.sessions import are_shared
from flybill_pipeline.stores.postgres.tables import facts

WAIT_SECONDS = 4
_USAGE = "select exists (select from flybill.usage_pieces)"


@dataclass(frozen=True, slots=True)
class Condition:
    """A database that answers. `schema` is None before the first command; `deployment` names whose lake is its own.

    `knows_usage` where the lake has files by what it knows. `pooled` where a pooler gives its sessions to several.
    """

    server: str
    schema: str | None
    newest: str
    deployment: str | None
    knows_usage: bool = False
    pooled: bool = False


def condition_of(url: str) -> Condition | str:
    """What the database at `url` is like, or why it does not answer, in the words of the driver."""
    patient = make_url(url).update_query_dict({"connect_timeout": str(WAIT_SECONDS)})
    engine = open_engine(patient.render_as_string(hide_password=False))
    try:
        with engine.connect() as connection:
            server = str(connection.execute(text("show server_version")).scalar_one())
            schema = schema_revision(connection)
            known = schema == newest_revision()
            named = select(facts.c.value).where(facts.c.name == "deployment")
            deployment = connection.execute(named).scalar_one_or_none() if known else None
            usage = known and bool(connection.execute(text(_USAGE)).scalar_one())
        return Condition(server, schema, newest_revision(), deployment, usage, are_shared(engine))
    except OperationalError as error:
        return str(error.orig).strip().splitlines()[0]
    finally:
        engine.dispose()
