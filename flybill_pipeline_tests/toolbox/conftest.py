"""The toolbox of a deployment with one shard, as the questions have it."""

from flybill_pipeline_tests.questions.conftest import home, tools

__all__ = ["home", "tools"]
