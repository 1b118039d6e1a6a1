"""Begins a session of Spark, or goes on with that of this process. What it is asked: spark.py and connecting.py."""

from collections.abc import Mapping
from typing import Any

WHOLE = ("spark.sql.files.ignoreCorruptFiles", "spark.sql.files.ignoreMissingFiles")
"""By which Spark answers without the files that it cannot read, and says nothing."""


def spark_session(options: Mapping[str, str]) -> Any:
    """The session of these options of Spark's own, in UTC; some of them count for the first session of a process only.

    Ibis would set each of them on the session that is there, which Spark refuses of some.
    """
    from pyspark.sql import SparkSession  # noqa: PLC0415 - only installed where it is used

    builder = SparkSession.builder.appName("flybill")
    for name, value in {"spark.ui.showConsoleProgress": "false", **options}.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.conf.set("spark.sql.session.timeZone", "UTC")
    for name in WHOLE:
        session.conf.set(name, "false")
    return session
