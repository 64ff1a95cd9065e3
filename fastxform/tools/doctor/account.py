"""The descriptions of an account, as the AWS CLI prints them: which file is what, and how they belong together.

A file is recognised by its members, not by its name. Nothing is judged here. Invariant: each description knows the file
that it came from, so that a finding can name it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from fastxform.errors import InputError

KINDS: Final = {
    "DeliveryStreamDescription": "aws firehose describe-delivery-stream",
    "FunctionArn": "aws lambda get-function-configuration",
    "Aliases": "aws lambda list-aliases",
    "Policy": "aws lambda get-policy",
    "RoleName, PolicyDocument": "aws iam get-role-policy",
    "Role": "aws iam get-role",
    "Table": "aws glue get-table",
    "StreamDescriptionSummary": "aws kinesis describe-stream-summary",
}
"""By which members a description is recognised, and the command that prints it."""


@dataclass(frozen=True, slots=True)
class AccountDocument:
    """One description and the file that it came from."""

    file: str
    value: Mapping[str, Any]

    def place(self, path: str = "") -> str:
        """Return where something stands: `stream.json: Destinations[0]`."""
        return f"{self.file}: {path}" if path else self.file


@dataclass(slots=True)
class Role:
    """One role: whom it trusts, where that was given, and the statements of its policies."""

    name: str
    trust: AccountDocument | None = None
    statements: list[Mapping[str, Any]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def place(self) -> str:
        """Return the file of its policies, else of itself."""
        return f"{self.files[0] if self.files else self.trust.file if self.trust else ''}: {self.name}"


@dataclass(slots=True)
class Account:
    """What was given of an account; None or empty is what was not."""

    stream: AccountDocument | None = None
    function: AccountDocument | None = None
    aliases: AccountDocument | None = None
    function_policy: AccountDocument | None = None
    source: AccountDocument | None = None
    roles: dict[str, Role] = field(default_factory=dict)
    tables: dict[tuple[str, str], AccountDocument] = field(default_factory=dict)

    def role(self, arn: str | None) -> Role | None:
        """Return the role of an ARN, if its policies were given."""
        role = self.roles.get(name_of(arn)) if arn else None
        return role if role is not None and role.files else None


def name_of(arn: str) -> str:
    """Return the last part of an ARN: the name of a role whatever its path."""
    return arn.rpartition("/")[2] or arn


def read_account(documents: Iterable[tuple[str, bytes]]) -> Account:
    """Read descriptions.

    Args:
        documents: the name of each file and what is in it.

    Raises:
        InputError: one of them is no JSON, no description that is known, or a second one where one is enough.
    """
    account = Account()
    for name, content in documents:
        _add(account, name, _parsed(name, content))
    if account.stream is None:
        command = KINDS["DeliveryStreamDescription"]
        raise InputError(f"no description of the delivery stream was given: `{command}` prints it, --from-account all")
    return account


def _parsed(name: str, content: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(content.decode())
    except (ValueError, RecursionError) as err:
        raise InputError(f"{name}: is not JSON; give what the AWS CLI prints with --output json") from err
    if not isinstance(value, dict):
        raise InputError(f"{name}: is no JSON object; give what the AWS CLI prints, without --query")
    return value


def _add(account: Account, name: str, document: Mapping[str, Any]) -> None:
    if isinstance(inner := document.get("DeliveryStreamDescription"), dict):
        _once(account, "stream", AccountDocument(name, inner))
    elif isinstance(document.get("FunctionArn"), str):
        _once(account, "function", AccountDocument(name, document))
    elif isinstance(document.get("Aliases"), list):
        _once(account, "aliases", AccountDocument(name, document))
    elif isinstance(document.get("RoleName"), str) and "PolicyDocument" in document:
        role = _role(account, document["RoleName"])
        role.statements += statements(name, document["PolicyDocument"])
        role.files.append(name)
    elif isinstance(inner := document.get("Role"), dict) and isinstance(inner.get("RoleName"), str):
        _role(account, inner["RoleName"]).trust = AccountDocument(name, inner)
    elif isinstance(document.get("Policy"), str):
        _once(
            account, "function_policy", AccountDocument(name, {"Statement": list(statements(name, document["Policy"]))})
        )
    elif isinstance(inner := document.get("Table"), dict) and isinstance(inner.get("Name"), str):
        account.tables[(str(inner.get("DatabaseName", "")), inner["Name"])] = AccountDocument(name, inner)
    elif isinstance(inner := document.get("StreamDescriptionSummary"), dict):
        _once(account, "source", AccountDocument(name, inner))
    else:
        known = "; ".join(f"{members}: `{command}`" for members, command in KINDS.items())
        raise InputError(f"{name}: is no description that is known, by its members; these are ({known})")


def _once(account: Account, member: str, document: AccountDocument) -> None:
    before = getattr(account, member)
    if before is not None:
        raise InputError(f"{document.file}: describes the same as {before.file}; give one of the two")
    setattr(account, member, document)


def _role(account: Account, name: str) -> Role:
    return account.roles.setdefault(name, Role(name))


def statements(name: str, policy: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the statements of a policy: an object, or its text, percent-encoded as IAM's API has it.

    Raises:
        InputError: it is no policy.
    """
    if isinstance(policy, str):
        try:
            policy = json.loads(unquote(policy) if policy.lstrip().startswith("%") else policy)
        except (ValueError, RecursionError) as err:
            raise InputError(f"{name}: its policy is not JSON") from err
    statements_ = policy.get("Statement") if isinstance(policy, dict) else None
    for statement in statements_ if isinstance(statements_, list) else [statements_]:
        if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
            raise InputError(f"{name}: its policy has no statements with an Effect of Allow or Deny")
        yield statement
