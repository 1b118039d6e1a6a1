"""The software-defined assets, one file for each part of the flow. A body calls one step and shows its report.

Not here: what the step does. What a machine may retry ends as `dg.Failure`: the retry sensor brings the shard back.
"""

OWNERS = ["team:billing"]
