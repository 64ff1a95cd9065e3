"""A Terraform provider that has a schema and nothing behind it, for `validate` and for tests with `mock_provider`.

    SCHEMA=schemas/aws.json python provider.py

It speaks Terraform's plugin protocol 6 and answers what those two ask: the schema, and that every configuration is
fine. It plans, reads and makes nothing. Invariant: what Terraform then says of a configuration is Terraform's own
judgement against the schema, nothing of it comes from here.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any, Final

from tf import provider, runner
from tf.gen import tfplugin_pb2 as messages

NESTING: Final = {
    "single": messages.Schema.NestedBlock.SINGLE,
    "list": messages.Schema.NestedBlock.LIST,
    "set": messages.Schema.NestedBlock.SET,
}


def to_message(described: dict[str, Any]) -> messages.Schema.Block:
    """Return a block of a schema file as the message that describes it."""
    message = messages.Schema.Block()
    for name, attribute in described["attributes"].items():
        flags = {flag: attribute.get(flag, False) for flag in ("computed", "optional", "required")}
        message.attributes.append(
            messages.Schema.Attribute(name=name, type=json.dumps(attribute["type"]).encode(), **flags)
        )
    for name, nested in described["blocks"].items():
        inner = messages.Schema.NestedBlock(
            type_name=name,
            nesting=NESTING[nested["nesting"]],
            min_items=nested.get("min_items", 0),
            max_items=nested.get("max_items", 0),
        )
        inner.block.CopyFrom(to_message(nested["block"]))
        message.block_types.append(inner)
    return message


def to_schema(described: dict[str, Any]) -> messages.Schema:
    """Return what a schema file says of one resource, data source or provider."""
    schema = messages.Schema(version=0)
    schema.block.CopyFrom(to_message(described))
    return schema


class SchemaOnly(provider.ProviderServicer):  # type: ignore[misc]  # the package has no types
    """The answers; the methods have the names of the protocol."""

    def __init__(self, named: "Named") -> None:
        self.schema = named.schema

    def GetMetadata(self, request: Any, context: Any) -> Any:
        """Name the resources and data sources."""
        response = messages.GetMetadata.Response()
        for name in self.schema["resources"]:
            response.resources.add(type_name=name)
        for name in self.schema["data"]:
            response.data_sources.add(type_name=name)
        return response

    def GetProviderSchema(self, request: Any, context: Any) -> Any:
        """Describe all of them."""
        response = messages.GetProviderSchema.Response()
        response.provider.CopyFrom(to_schema(self.schema["provider"]))
        for name, described in self.schema["resources"].items():
            response.resource_schemas[name].CopyFrom(to_schema(described))
        for name, described in self.schema["data"].items():
            response.data_source_schemas[name].CopyFrom(to_schema(described))
        return response

    def ValidateProviderConfig(self, request: Any, context: Any) -> Any:
        """Find nothing: a value is the real provider's to judge."""
        return messages.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, request: Any, context: Any) -> Any:
        """Find nothing."""
        return messages.ValidateResourceConfig.Response()

    def ValidateDataResourceConfig(self, request: Any, context: Any) -> Any:
        """Find nothing."""
        return messages.ValidateDataResourceConfig.Response()

    def ConfigureProvider(self, request: Any, context: Any) -> Any:
        """Take any configuration."""
        return messages.ConfigureProvider.Response()

    def GetFunctions(self, request: Any, context: Any) -> Any:
        """Offer no functions."""
        return messages.GetFunctions.Response()

    def StopProvider(self, request: Any, context: Any) -> Any:
        """Stop; the runner ends the process."""
        return messages.StopProvider.Response()


class Named:
    """The provider as the runner knows it: its full name, and the schema for the servicer."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema

    def full_name(self) -> str:
        """Return the name that configurations give as `source`."""
        return f"registry.terraform.io/hashicorp/{self.schema['name']}"


def main() -> None:
    """Serve the schema that the environment names until Terraform ends the process."""
    # The runner makes the servicer itself, from this name in its module; it takes no other.
    provider.ProviderServicer = SchemaOnly
    schema = json.loads(Path(os.environ["SCHEMA"]).read_text(encoding="utf-8"))
    runner.run_provider(Named(schema), sys.argv)


if __name__ == "__main__":
    main()
