"""What a transform writes into CSV and JSON objects, held against the Athena table that reads them.

CSV has no names, so that the order of the columns counts; JSON is read by name. Invariant: the statement that
`fastxform.tools.reader_ddl` makes of a transform agrees with it.
"""

from collections.abc import Iterator

from fastxform.config.model import Spec
from fastxform.tools import reader_ddl
from fastxform.tools.lint.definitions import Definition
from fastxform.tools.lint.finding import Finding


def compare(spec: Spec, definition: Definition, ddl_name: str) -> Iterator[Finding]:
    """Yield where a table differs from the rows of a transform.

    Args:
        spec: the transform; its output names a reader of Athena.
        definition: the table.
        ddl_name: the file of the definition, for places.

    Raises:
        ConfigError: the columns are not known, or differ between routes.
    """
    columns = reader_ddl.visible_columns(spec)
    location = f"{ddl_name}:{definition.line}: {definition.name}"
    written = [column.name.lower() for column in columns]
    # The columns of partitions may stand in the list of Athena's parser; they are in the path, not in the rows.
    fields = [field for field in definition.fields if field.name not in definition.partitioned_by]
    names = [field.name.lower() for field in fields]
    if spec.output.format == "csv" and written != names:
        message = f"has the columns {', '.join(names)}, and a row has {', '.join(written)}; CSV is read by position"
        yield Finding("error", "columns", location, message)
        return
    kinds = {field.name.lower(): field.type for field in fields}
    for column in columns:
        kind = kinds.get(column.name.lower())
        wanted = reader_ddl.athena_type(spec.output, column)
        if kind is None:
            message = f"{definition.name} has no such column, so its value is not read; add it, or make it hidden"
            yield Finding("error", "column-missing", column.location, message)
        elif kind not in (wanted, "string"):
            message = f"is read as {wanted}, and {definition.name} has {kind}; make them agree, or take string"
            yield Finding("error", "type", column.location, message)
    if spec.output.format == "json":
        unread = [name for name in names if name not in written]
        if unread:
            message = f"{', '.join(unread)}: no column of the transform, so always null"
            yield Finding("warning", "column-unknown", location, message)
