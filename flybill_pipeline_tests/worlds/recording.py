"""Writes down what functions and methods give back while real work runs. No assertions here."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any
from unittest.mock import patch

Maker = Callable[..., Any]
Results = list[tuple[Maker, Any]]
"""A maker, and one thing that it gave back: an element, where it gives back several."""


@contextmanager
def recorded(makers: Iterable[Maker]) -> Iterator[Results]:
    """What `makers` give back while the block runs, in order of time; they do what they always do."""
    results: Results = []
    with ExitStack() as patches:
        for maker in makers:
            for owner, name in _places(maker):
                patches.enter_context(patch.object(owner, name, _recording(maker, results)))
        yield results


def owner_of(maker: Maker) -> Any:
    """The module of a function, the class of a method."""
    owner: Any = sys.modules[maker.__module__]
    for name in maker.__qualname__.split(".")[:-1]:
        owner = getattr(owner, name)
    return owner


def _places(maker: Maker) -> list[tuple[Any, str]]:
    """Where a maker is looked up when it is called: its class, or every module of ours that has imported it."""
    if "." in maker.__qualname__:
        return [(owner_of(maker), maker.__name__)]
    modules = [module for name, module in sys.modules.items() if name.startswith("flybill_pipeline.")]
    return [(module, name) for module in modules for name, value in vars(module).items() if value is maker]


def _recording(maker: Maker, results: Results) -> Maker:
    @wraps(maker)
    def wrapper(*arguments: Any, **named: Any) -> Any:
        result = maker(*arguments, **named)
        several = isinstance(result, list | tuple | set) and not hasattr(result, "_fields")
        results.extend((maker, each) for each in (result if several else [result]))
        return result

    @wraps(maker)
    def generator(*arguments: Any, **named: Any) -> Iterator[Any]:
        for each in maker(*arguments, **named):
            results.append((maker, each))
            yield each

    return generator if isgeneratorfunction(maker) else wrapper
