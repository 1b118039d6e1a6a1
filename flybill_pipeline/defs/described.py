"""Sensors and schedules that tell in the UI what their docstrings say: Dagster shows those of assets only."""

import inspect
from collections.abc import Callable
from typing import Any

import dagster as dg


def sensor(**options: Any) -> Callable[[Callable[..., Any]], dg.SensorDefinition]:
    """`dg.sensor` with the docstring of the function as its description."""

    def decorate(evaluate: Callable[..., Any]) -> dg.SensorDefinition:
        return dg.sensor(description=inspect.getdoc(evaluate), **options)(evaluate)

    return decorate


def schedule(**options: Any) -> Callable[[Callable[..., Any]], dg.ScheduleDefinition]:
    """`dg.schedule`, in UTC, with the docstring of the function as its description."""

    def decorate(evaluate: Callable[..., Any]) -> dg.ScheduleDefinition:
        described = dg.schedule(description=inspect.getdoc(evaluate), execution_timezone="UTC", **options)
        return described(evaluate)

    return decorate
