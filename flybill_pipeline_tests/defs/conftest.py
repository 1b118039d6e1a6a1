"""The toolbox of a deployment with one shard, and months that are closed without files, as the questions have them."""

from flybill_pipeline_tests.questions.conftest import home, tools, world

__all__ = ["home", "tools", "world"]
