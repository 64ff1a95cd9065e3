"""What a policy allows, and where that is wider than it has to be.

Policies are read as AWS stores them. Invariant: a wildcard is either at a place of the closed list below, each with its
reason, or a finding.
"""

from collections.abc import Iterator
from typing import Any, Final

WIDE: Final = {
    "WriteLogs": "the streams of the function's own log group, whose names Lambda makes up",
    "WriteObjects": "the objects below a prefix, whose names Firehose makes up",
    "WriteTables": "the files of the tables below their prefix, whose names Firehose makes up",
    "ReadConsumerGroups": "the consumer groups of the cluster, whose names Firehose makes up",
}
"""The statements that may end in a wildcard."""

UNBOUND: Final = {
    "lakeformation:GetDataAccess": "Lake Formation's own grants bind it; AWS knows no resource of it",
}
"""The actions that may be allowed for every resource, alone in their statement."""


def as_list(value: Any) -> list[Any]:
    """Return what stands alone or in a list as a list."""
    return value if isinstance(value, list) else [value]


def findings(policy: dict[str, Any]) -> Iterator[str]:
    """Yield what is too wide in a policy; denials may be as wide as they like."""
    for statement in as_list(policy["Statement"]):
        if statement["Effect"] == "Deny":
            continue
        sid = statement.get("Sid", "a statement without a name")
        for forbidden in ("NotAction", "NotResource", "NotPrincipal"):
            if forbidden in statement:
                yield f"{sid}: {forbidden} allows what nobody named"
        for action in as_list(statement.get("Action", [])):
            if "*" in action:
                yield f"{sid}: action {action}"
        if statement.get("Resource") in ("*", ["*"]) and set(as_list(statement.get("Action", []))) <= UNBOUND.keys():
            continue
        for resource in as_list(statement.get("Resource", [])):
            yield from _resource(sid, resource)


def wide(policies: list[dict[str, Any]]) -> set[str]:
    """Return the names of the statements in which a wildcard stands."""
    return {
        statement["Sid"]
        for policy in policies
        for statement in as_list(policy["Statement"])
        if any("*" in resource[:-1] or resource[1:].endswith("*") for resource in as_list(statement["Resource"]))
    }


def _resource(sid: str, resource: str) -> Iterator[str]:
    if not resource.startswith("arn:"):
        yield f"{sid}: resource {resource} is no ARN"
    elif "*" in resource[:-1] or "?" in resource:
        yield f"{sid}: resource {resource} has a wildcard before its end"
    elif resource.endswith("*") and sid not in WIDE:
        yield f"{sid}: resource {resource} ends in a wildcard"
    elif resource.endswith("*") and not resource.split(":", 5)[5].rstrip("*").strip("/:"):
        yield f"{sid}: resource {resource} is everything that the service has"
