"""The readers that `[output] reader` names, each reading the rows of an object back: a list of cells, None for null.

What runs here is the reader itself: Hive's serdes and Spark out of PySpark's jars, DuckDB, pandas and LibreOffice. Of
Redshift, Snowflake and BigQuery, which cannot run here, `documented` parses what their pages say of CSV.
"""

import csv
import io
import shutil
import subprocess

HIVE = "org.apache.hadoop.hive.serde2."


class Hive:
    """A serde of Hive in the JVM of Spark, line by line as Hadoop's TextInputFormat gives them."""

    def __init__(self, spark, serde, **properties):
        self.jvm = spark._jvm
        loader = self.jvm.Thread.currentThread().getContextClassLoader()
        self.serde = self.jvm.java.lang.Class.forName(HIVE + serde, True, loader).newInstance()
        self.properties = properties

    def read(self, data, names):
        properties = self.jvm.java.util.Properties()
        # The serdes do not take every name; the order is what counts.
        properties.setProperty("columns", ",".join(f"c{index}" for index in range(len(names))))
        properties.setProperty("columns.types", ":".join(["string"] * len(names)))
        for name, value in self.properties.items():
            properties.setProperty(name.replace("_", "."), value)
        self.serde.initialize(self.jvm.org.apache.hadoop.conf.Configuration(False), properties)
        return [self.row(line) for line in self.lines(data)]

    def lines(self, data):
        reader = self.jvm.org.apache.hadoop.util.LineReader(self.jvm.java.io.ByteArrayInputStream(data))
        text = self.jvm.org.apache.hadoop.io.Text()
        while reader.readLine(text) > 0:
            yield self.jvm.org.apache.hadoop.io.Text(text)

    def row(self, line):
        util = self.jvm.org.apache.hadoop.hive.serde2.objectinspector.ObjectInspectorUtils
        return list(util.copyToStandardJavaObject(self.serde.deserialize(line), self.serde.getObjectInspector()))


def opencsv(spark):
    return Hive(spark, "OpenCSVSerde", separatorChar=",", quoteChar='"', escapeChar="\\").read


def lazysimple(spark):
    return Hive(spark, "lazy.LazySimpleSerDe", field_delim=",", escape_delim="\\").read


def spark_csv(spark, path):
    def read(data, names):
        path.write_bytes(data)
        schema = ", ".join(f"c{index} string" for index in range(len(names)))
        options = {"quote": '"', "escape": '"', "nullValue": r"\N", "emptyValue": "", "multiLine": True}
        frame = spark.read.schema(schema).options(**options, lineSep="\n", mode="FAILFAST").csv(str(path))
        return [list(row) for row in frame.collect()]

    return read


def spark_json(spark, path):
    """Hive's JsonSerDe is not in PySpark's jars; the reader of Spark stands for it."""

    def read(data, names):
        path.write_bytes(data)
        schema = ", ".join(f"`{name}` string" for name in names)
        frame = spark.read.schema(schema).option("mode", "FAILFAST").json(str(path))
        return [list(row) for row in frame.collect()]

    return read


def duckdb_csv(path):
    import duckdb

    def read(data, names):
        path.write_bytes(data)
        columns = "{" + ", ".join(f"'c{index}': 'VARCHAR'" for index in range(len(names))) + "}"
        options = "header=false, delim=',', quote='\"', escape='\"', nullstr='', allow_quoted_nulls=false"
        options += f", new_line='\\n', columns={columns}, auto_detect=false, null_padding=false"
        with duckdb.connect() as connection:
            return [list(row) for row in connection.execute(f"SELECT * FROM read_csv('{path}', {options})").fetchall()]

    return read


def pandas_csv(data, names):
    import pandas

    frame = pandas.read_csv(
        io.BytesIO(data),
        names=range(len(names)),
        header=None,
        dtype=str,
        keep_default_na=False,
        na_values=[r"\N"],
        skip_blank_lines=False,
        lineterminator="\n",
    )
    return [[None if isinstance(cell, float) else cell for cell in row] for row in frame.to_numpy().tolist()]


def arrow_csv(data, names):
    from pyarrow import csv as arrow

    columns = [f"c{index}" for index in range(len(names))]
    table = arrow.read_csv(
        io.BytesIO(data),
        read_options=arrow.ReadOptions(column_names=columns),
        parse_options=arrow.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=arrow.ConvertOptions(
            column_types=dict.fromkeys(columns, "string"),
            null_values=[r"\N"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    return [list(row.values()) for row in table.to_pylist()]


def python_csv(data, _names):
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


def office_csv(directory):
    """LibreOffice Calc, which imports each column as text and exports the cells with all texts in quotes."""
    office = shutil.which("soffice")
    assert office, "LibreOffice is needed; on Debian: apt-get install --no-install-recommends libreoffice-calc-nogui"

    def read(data, names):
        directory.mkdir()
        source = directory / "sheet.csv"
        source.write_bytes(data)
        # Comma, quote, UTF-8 (76), from line 1, every column as text (2); the export quotes every text.
        columns = "/".join(f"{index}/2" for index in range(1, len(names) + 1))
        command = [office, "--headless", "--norestore", f"-env:UserInstallation=file://{directory}/profile"]
        command += [f"--infilter=CSV:44,34,76,1,{columns},0,false,false"]
        command += ["--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,true,true,false,false,false,1"]
        command += ["--outdir", str(directory / "out"), str(source)]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
        (sheet,) = (directory / "out").iterdir()
        return python_csv(sheet.read_bytes(), names)

    return read


def documented(null, quoted_null):
    """A parser of what the pages of Redshift, Snowflake and BigQuery say of CSV.

    A field in quotes may hold delimiters and line breaks, and a quote doubled; a field that is `null` is null, one in
    quotes too if `quoted_null`.
    """

    def read(data, _names):
        rows, row, position, text = [], [], 0, data.decode()
        while position < len(text):
            quoted = text[position] == '"'
            if quoted:
                value, position = quoted_field(text, position + 1)
            else:
                end = min(found for mark in (",", "\n", "\r\n") if (found := text.find(mark, position)) >= 0)
                value, position = text[position:end], end
                assert '"' not in value, "a quote in a field without quotes"
            row.append(None if value == null and (quoted_null or not quoted) else value)
            if text[position] == ",":
                position += 1
                assert position < len(text)
                if text[position] == "\n":
                    row.append(None if null == "" else "")
            if text[position] == "\n":
                rows.append(row)
                row, position = [], position + 1
        assert not row
        return rows

    return read


def quoted_field(text, position):
    value = ""
    while True:
        end = text.index('"', position)
        value += text[position:end]
        if text[end + 1] != '"':
            return value, end + 1
        value, position = value + '"', end + 2
