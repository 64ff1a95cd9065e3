"""What a policy allows: IAM's evaluation of one action on one resource, as far as it is of use here.

A denial wins over an allowance. A condition on something that is not known here is taken to hold for an allowance and
not to hold for a denial, so that only what surely fails is found. Invariant: pure functions of statements and request.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

Statement = Mapping[str, Any]


def allows(statements: Iterable[Statement], action: str, resource: str, context: Mapping[str, str]) -> bool:
    """Tell whether an action on a resource is allowed.

    Args:
        statements: of all policies of the caller.
        action: such as `kms:Decrypt`.
        resource: its ARN.
        context: condition keys that are known, in small letters, with their values.
    """
    allowed = False
    for statement in statements:
        is_allow = statement["Effect"] == "Allow"
        if (
            _covers(statement, "Action", action, ignore_case=True)
            and _covers(statement, "Resource", resource, ignore_case=False)
            and _holds(statement.get("Condition"), context, unknown=is_allow)
        ):
            if not is_allow:
                return False
            allowed = True
    return allowed


def trusts(statements: Iterable[Statement], service: str, context: Mapping[str, str]) -> bool:
    """Tell whether a service may assume the role that has this trust policy."""
    allowed = False
    for statement in statements:
        is_allow = statement["Effect"] == "Allow"
        if (
            _covers(statement, "Action", "sts:AssumeRole", ignore_case=True)
            and _is_principal(statement.get("Principal"), "Service", service)
            and _holds(statement.get("Condition"), context, unknown=is_allow)
        ):
            if not is_allow:
                return False
            allowed = True
    return allowed


def decides(statements: Iterable[Statement], effect: str, action: str, principal: str) -> bool:
    """Tell whether a resource's own policy has a statement of this effect for an action of a principal."""
    return any(
        statement["Effect"] == effect
        and _covers(statement, "Action", action, ignore_case=True)
        and (_is_principal(statement.get("Principal"), "AWS", principal) or _is_principal_account(statement, principal))
        and _holds(statement.get("Condition"), {}, unknown=effect == "Allow")
        for statement in statements
    )


def as_list(value: Any) -> list[Any]:
    """Return what stands alone or in a list as a list."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _covers(statement: Statement, member: str, name: str, *, ignore_case: bool) -> bool:
    if f"Not{member}" in statement:
        return not _matches_any(statement[f"Not{member}"], name, ignore_case=ignore_case)
    return _matches_any(statement.get(member), name, ignore_case=ignore_case)


def _matches_any(patterns: Any, text: str, *, ignore_case: bool = False) -> bool:
    return any(matches(str(pattern), text, ignore_case=ignore_case) for pattern in as_list(patterns))


def matches(pattern: str, text: str, *, ignore_case: bool = False) -> bool:
    """Tell whether a text is of a pattern of IAM's: `*` is any text, `?` one character, nothing else is special."""
    return _compiled(pattern, ignore_case).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str, ignore_case: bool) -> "re.Pattern[str]":
    parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in re.split(r"([*?])", pattern))
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _is_principal(principal: Any, kind: str, name: str) -> bool:
    if principal == "*":
        return True
    return isinstance(principal, Mapping) and any(value in ("*", name) for value in as_list(principal.get(kind)))


def _is_principal_account(statement: Statement, principal: str) -> bool:
    account = principal.split(":")[4] if principal.count(":") >= 5 else ""
    trusted = statement.get("Principal")
    return isinstance(trusted, Mapping) and any(
        value in (account, f"arn:aws:iam::{account}:root") for value in as_list(trusted.get("AWS")) if account
    )


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "stringequals": lambda wanted, value: wanted == value,
    "stringequalsignorecase": lambda wanted, value: wanted.lower() == value.lower(),
    "stringlike": matches,
    "arnequals": matches,
    "arnlike": matches,
    "bool": lambda wanted, value: wanted.lower() == value.lower(),
}


def _holds(condition: Any, context: Mapping[str, str], *, unknown: bool) -> bool:
    if not isinstance(condition, Mapping):
        return True
    return all(
        _test(str(operator).lower(), str(key).lower(), wanted, context, unknown=unknown)
        for operator, tests in condition.items()
        if isinstance(tests, Mapping)
        for key, wanted in tests.items()
    )


def _test(operator: str, key: str, wanted: Any, context: Mapping[str, str], *, unknown: bool) -> bool:
    operator = operator.rpartition(":")[2].removesuffix("ifexists")
    is_negative = operator.startswith(("stringnot", "arnnot"))
    test = _OPERATORS.get(operator.replace("not", "", 1) if is_negative else operator)
    value = context.get(key)
    if test is None or value is None:
        return unknown
    return any(test(str(one), value) for one in as_list(wanted)) != is_negative
