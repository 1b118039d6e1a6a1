"""Which partitions a request asks Dagster to run, and the refusal of those that there are none of. Runs nothing.

Dagster itself starts a run for `2026-13|03`, which fails, or answers with a pattern of Python. What a person typed gets
a sentence here that says how a month, a shard, a day or a key of the to-do list is written.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import dagster as dg
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.workspace.context import IWorkspaceProcessContext, WorkspaceRequestContext
from graphql import FieldNode, GraphQLError, OperationDefinitionNode, OperationType, parse, value_from_ast_untyped

from flybill_pipeline.defs.partitions import FAILED_ORG_MONTHS, read_org_month

PARTITION_TAGS = ("dagster/partition", "dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
PARAMS = ("executionParams", "executionParamsList", "backfillParams")
Params = Mapping[str, Any]


class PartitionsAsked:
    """Judges the requests of one webserver by what its code server has loaded."""

    def __init__(self, workspace: IWorkspaceProcessContext[Any]) -> None:
        self._workspace = workspace

    def answer(self, body: bytes) -> dict[str, Any] | None:
        """The answer to what cannot be run: a sentence, as an error of Dagster's. None when Dagster may see it."""
        if b"artition" not in body and b"xecution" not in body:
            return None
        try:
            for field, arguments in _mutations(body):
                if sentence := self._refused(arguments):
                    return {"data": {field: _error(sentence)}}
        except (AttributeError, KeyError, TypeError, ValueError):  # of another shape than Dagster's: it says so itself
            pass
        return None

    def _refused(self, arguments: Params) -> str | None:
        if arguments.get("partitionsDefName") == FAILED_ORG_MONTHS.name and "partitionKey" in arguments:
            return _no_org_month(str(arguments["partitionKey"]))
        context = self._workspace.create_request_context()
        for params in _each(arguments):
            for definition, keys in _asked(context, params):
                if sentence := _unknown(context.instance, definition, keys):
                    return sentence
            if sentence := _without_any(context, params):
                return sentence
        return None


def _error(sentence: str) -> dict[str, Any]:
    """What every mutation may answer with, and the UI shows in a dialog."""
    return {"__typename": "PythonError", "message": sentence, "stack": [], "errorChain": [], "causes": []}


def _mutations(body: bytes) -> Iterator[tuple[str, Params]]:
    """Each mutation of the request: the name of its answer, and its arguments, written in the document or beside it."""
    try:
        request = json.loads(body)
        document, variables = parse(request["query"], no_location=True), request.get("variables") or {}
    except (GraphQLError, RecursionError):
        return
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode) and operation.operation is OperationType.MUTATION:
            for field in operation.selection_set.selections:
                if isinstance(field, FieldNode):
                    given = {each.name.value: value_from_ast_untyped(each.value, variables) for each in field.arguments}
                    yield (field.alias or field.name).value, given


def _each(arguments: Params) -> Iterator[Params]:
    for name in PARAMS:
        yield from _many(arguments.get(name))


def _many(value: Any) -> list[Any]:
    """A list as it is, nothing as none, and one alone as one: so does GraphQL."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _asked(
    context: WorkspaceRequestContext, params: Params
) -> Iterator[tuple["dg.PartitionsDefinition[str]", Iterable[str]]]:
    """Each partitions definition that a run or a backfill is about, and the keys that are asked of it."""
    selector = params.get("selector") or {}
    keys = [*_many(params.get("partitionNames")), *_tagged(params)]
    for asset in _many(params.get("assetSelection") or selector.get("assetSelection")):
        if (definition := _of_asset(context, asset)) and keys:
            yield definition, keys
            return  # what runs together has one definition, or Dagster maps the keys
    for each in _many(params.get("partitionsByAssets")):
        if definition := _of_asset(context, each["assetKey"]):
            yield definition, _ends(each.get("partitions") or {})
    if keys and (definition := _of_job(context, selector)):
        yield definition, keys


def _tagged(params: Params) -> Iterator[str]:
    for tag in _many((params.get("executionMetadata") or {}).get("tags")):
        if tag["key"] in PARTITION_TAGS:
            yield tag["value"]


def _ends(partitions: Params) -> Iterator[str]:
    for each in [partitions.get("range"), *_many(partitions.get("ranges"))]:
        if each:
            yield from (each["start"], each["end"])


def _of_asset(context: WorkspaceRequestContext, asset: Params) -> "dg.PartitionsDefinition[str] | None":
    key = dg.AssetKey(_many(asset["path"]))
    return context.asset_graph.get(key).partitions_def if context.asset_graph.has(key) else None


def _of_job(context: WorkspaceRequestContext, selector: Params) -> "dg.PartitionsDefinition[str] | None":
    job = selector.get("jobName") or selector.get("pipelineName")
    name = selector.get("partitionSetName")
    for location in context.code_locations:
        for repository in location.get_repositories().values():
            for each in repository.get_partition_sets():
                if name == each.name or (job and job == each.job_name):
                    return each.get_partitions_definition()
    return None


def _without_any(context: WorkspaceRequestContext, params: Params) -> str | None:
    """The refusal of a run of a job that has partitions, when none is named: it would only fail."""
    selector = params.get("selector") or {}
    job, is_run = selector.get("jobName") or selector.get("pipelineName"), "executionMetadata" in params
    if not job or not is_run or selector.get("assetSelection") or any(_tagged(params)):
        return None
    definition = _of_job(context, selector)
    return f"A run of {job} needs a partition. It is {_written(definition)[1]}" if definition else None


def _unknown(
    instance: dg.DagsterInstance, definition: "dg.PartitionsDefinition[str]", keys: Iterable[str]
) -> str | None:
    with partition_loading_context(dynamic_partitions_store=instance):
        for key in keys:
            if not definition.has_partition_key(key):
                what, written = _written(definition)
                return f"{key!r} is {what}. It is {written}"
    return None


def _written(definition: "dg.PartitionsDefinition[str]") -> tuple[str, str]:
    """What a key is that is not one of these, and how one is written."""
    match definition:
        case dg.MultiPartitionsDefinition():
            month, shard = (definition.get_partitions_def_for_dimension(name) for name in ("month", "shard"))
            example = f"{month.get_last_partition_key()}|{shard.get_first_partition_key()}"
            return (
                "no shard of a month here",
                f"written as {example}; months are {_span(month)}, shards {_span(shard)}.",
            )
        case dg.TimeWindowPartitionsDefinition():
            unit = "day" if definition.is_basic_daily else "month"
            last = definition.get_last_partition_key()
            return f"no {unit} here", f"written as {last}; {unit}s are {_span(definition)}."
        case _:
            return "not on the to-do list", "written as 2026-10/acme; one that is done is taken off."


def _span(definition: "dg.PartitionsDefinition[str]") -> str:
    return f"{definition.get_first_partition_key()} to {definition.get_last_partition_key()}"


def _no_org_month(key: str) -> str | None:
    try:
        read_org_month(key)
    except ValueError:
        return f"{key!r} is no organization's month. It is written as 2026-10/acme; the list fills itself."
    return None
