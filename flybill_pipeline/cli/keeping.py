"""The commands that keep a deployment in order: what is wrong with it, its schema, copies, coming back from a copy."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from flybill_pipeline.cli.answers import as_json, show
from flybill_pipeline.cli.arguments import MOMENT
from flybill_pipeline.cli.render import screen
from flybill_pipeline.cli.sessions import usable_settings
from flybill_pipeline.setting_values import MOST_SHARDS
from flybill_pipeline.toolbox.ready import ready


@click.command()
@as_json
def doctor(json_wanted: bool) -> None:
    """What is set, what answers (database, folders, Stripe, alert channels), and what to do about the rest.

    It works when nothing else does, changes nothing, sends nothing, and shows no secret. Exit status: 0 all well or
    only warnings, 1 something does not work, 2 settings are wrong.
    """
    from flybill_pipeline.cli.render.examined import examined_data, show_examined
    from flybill_pipeline.operating.doctor import examine

    examined = examine()
    show(json_wanted, examined_data(examined), lambda: show_examined(examined))
    sys.exit(2 if examined.settings_wrong else 1 if examined.wrong else 0)


@click.command()
@click.option("--roles", is_flag=True, help="Also create the pipeline's role and the readers', and give them rights.")
def migrate(roles: bool) -> None:
    """Bring the databases to this version's schema. Every other command does it too, if its role may."""
    from flybill_pipeline.stores.postgres.database import open_engine
    from flybill_pipeline.stores.postgres.month_keys import name_months
    from flybill_pipeline.stores.postgres.roles import grant_roles

    with ready(usable_settings(), stripe=False, dagster=False) as settings:
        if settings.dagster_database_url is not None:
            name_months(settings.dagster_database_url)
        screen.line(f"The schema is up to date ({settings.shards} shards).")
        if roles:
            rights = grant_roles(open_engine(str(settings.database_url)))
            rows = [(table, rights[table], "select") for table in sorted(rights)]
            screen.table(("table", "flybill_pipeline", "flybill_reader"), rows)


@click.command()
@click.argument("shards", type=click.IntRange(2, MOST_SHARDS))
def reshard(shards: int) -> None:
    """Cut months into SHARDS parts, a multiple of what there is; the organizations' rows move. End all else before."""
    from flybill_pipeline.stores.postgres.database import open_engine
    from flybill_pipeline.stores.postgres.shards import reshard as cut

    with ready(usable_settings(), stripe=False, dagster=False) as settings:
        moved = cut(open_engine(str(settings.database_url)), shards)
    screen.table(("table", "rows moved"), [(table, f"{count:,}") for table, count in moved.items()])
    screen.line(
        f"There are {shards} shards now. Where FLYBILL_SHARDS is set, set it to {shards}; then start all again."
    )


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def backup(folder: Path) -> None:
    """Copy both databases, the lake and the landing zone to FOLDER. Runs may go on while it copies."""
    from flybill_pipeline.operating.backups import back_up

    with ready(usable_settings(), stripe=False) as settings:
        screen.line(back_up(settings, folder, datetime.now(UTC)))


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def restore(folder: Path) -> None:
    """Fill a new, empty deployment from the backup in FOLDER; the sync then looks at Stripe before it sends again."""
    from flybill_pipeline.local import services
    from flybill_pipeline.operating.backups import restore as restore_from

    with services(usable_settings(), stripe=False) as settings:
        screen.line(restore_from(settings, folder, datetime.now(UTC)))


@click.command()
@click.option("--as-of", type=MOMENT, required=True, help="What moment the databases are back at, or an earlier one.")
def restored(as_of: datetime) -> None:
    """Say that the databases were restored by other means; the sync then looks at Stripe before it sends again."""
    from flybill_pipeline.stores.postgres.database import open_engine
    from flybill_pipeline.stores.sync.restores import record_restore

    now = datetime.now(UTC)
    if as_of > now:  # Stripe would be asked for what was made since then, and would have none of it
        sentence = f"{as_of} has not come yet: it is {now:%Y-%m-%dT%H:%M:%SZ}; write a moment that is over"
        raise click.BadParameter(sentence, param_hint="--as-of")
    with ready(usable_settings(), stripe=False, dagster=False) as settings:
        record_restore(open_engine(str(settings.database_url)), as_of, now)
    screen.line("Noted. What was on its way to Stripe, or may have been, is looked for there before it is sent.")


KEEPING = (doctor, migrate, reshard, backup, restore, restored)
