"""What must run before stores can be used, for a process that has shown its partitions already."""

import pytest

from flybill_pipeline.settings import SettingsError, load_settings
from flybill_pipeline.stores.postgres.database import migrate, open_engine
from flybill_pipeline.toolbox.ready import at_home


def test_a_database_of_other_shards_than_were_shown_is_refused_with_the_number_to_set(database_url: str) -> None:
    engine = open_engine(database_url)
    migrate(engine, shards=3)
    engine.dispose()
    settings = load_settings(
        {
            "FLYBILL_DATABASE_URL": database_url,
            "FLYBILL_DAGSTER_DATABASE_URL": database_url,
            "STRIPE_API_KEY": "sk_test_1",
        }
    )
    with pytest.raises(SettingsError, match="set it to 3"):
        at_home(settings)
