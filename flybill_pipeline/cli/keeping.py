"""The commands that keep a deployment in order: its schema, copies of it, and coming back from a copy."""

from datetime import UTC, datetime
from pathlib import Path

import click

from flybill_pipeline.cli.arguments import MOMENT
from flybill_pipeline.cli.render import screen
from flybill_pipeline.cli.sessions import ready
from flybill_pipeline.settings import load_settings


@click.command()
@click.option("--roles", is_flag=True, help="Also create the pipeline's role and the readers', and give them rights.")
def migrate(roles: bool) -> None:
    """Bring the database to this version's schema. Every other command does it too, if its role may."""
    from flybill_pipeline.stores.postgres.database import open_engine
    from flybill_pipeline.stores.postgres.roles import grant_roles

    with ready(load_settings(), stripe=False, dagster=False) as settings:
        screen.line(f"The schema is up to date ({settings.shards} shards).")
        if roles:
            rights = grant_roles(open_engine(str(settings.database_url)))
            rows = [(table, rights[table], "select") for table in sorted(rights)]
            screen.table(("table", "flybill_pipeline", "flybill_reader"), rows)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def backup(folder: Path) -> None:
    """Copy both databases, the lake and the landing zone to FOLDER. Runs may go on while it copies."""
    from flybill_pipeline.operating.backups import back_up

    with ready(load_settings(), stripe=False) as settings:
        screen.line(back_up(settings, folder, datetime.now(UTC)))


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def restore(folder: Path) -> None:
    """Fill a new, empty deployment from the backup in FOLDER; the sync then looks at Stripe before it sends again."""
    from flybill_pipeline.local import services
    from flybill_pipeline.operating.backups import restore as restore_from

    with services(load_settings(), stripe=False) as settings:
        screen.line(restore_from(settings, folder, datetime.now(UTC)))


@click.command()
@click.option("--as-of", type=MOMENT, required=True, help="What moment the databases are back at, or an earlier one.")
def restored(as_of: datetime) -> None:
    """Say that the databases were restored by other means; the sync then looks at Stripe before it sends again."""
    from flybill_pipeline.stores.postgres.database import open_engine
    from flybill_pipeline.stores.sync.restores import record_restore

    with ready(load_settings(), stripe=False, dagster=False) as settings:
        record_restore(open_engine(str(settings.database_url)), as_of, datetime.now(UTC))
    screen.line("Noted. What was on its way to Stripe, or may have been, is looked for there before it is sent.")


KEEPING = (migrate, backup, restore, restored)
