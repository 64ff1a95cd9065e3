"""What a configuration names is found, in whatever spelling of TOML, and nothing else is."""

import tomllib

import pytest

from fastxform.config.files import is_below, named_files


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ('columns = { id = "id" }', []),
        ('lookups.shop = { file = "shops.csv", key = "id" }', ["shops.csv"]),
        ('[lookups.a]\nfile = "x.csv"\n[lookups."b c"]\n"file" = """d/y.jsonl"""', ["x.csv", "d/y.jsonl"]),
        ('[lookups.a]\nfile = "x.csv"\n[lookups.b]\nfile = "x.csv"', ["x.csv"]),
        ("[lookups.a]\nvalues = { x = '1' }", []),
        ('lookups = "x"\nmap_batch = 3', []),
        ("[lookups]\na = 1\nb = { file = 2 }", []),
        ('map_batch = "enrich:add"', ["enrich.py"]),
        ('map_batch = "mine.deep.rules:add"', ["mine/deep/rules.py", "mine/__init__.py", "mine/other.py"]),
        ('[[tests]]\ninput_file = "sample.jsonl"', []),
    ],
)
def test_files_are_found(tmp_path, text, names):
    """Files of lookups, and the module of map_batch with all of its package."""
    for name in ("__init__.py", "other.py", "deep/rules.py", "data.csv"):
        path = tmp_path / "mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    assert sorted(named_files(tomllib.loads(text), tmp_path)) == sorted(names)


IMPORTING = {
    "enrich.py": "import rules, late\nfrom mine.deep import x\nimport json\n# import unused\n",
    "rules.py": "def f():\n    import words\n",
    "words.py": "from enrich import y\n",
    "late.py": "",
    "unused.py": "",
    "json.toml": "",
    "mine/deep.py": "import far\n",
    "far.py": "import farther\n",
    "farther.py": "import farthest\n",
    "farthest.py": "",
}


def test_what_a_module_imports_goes_with_it(tmp_path):
    """Modules and packages beside it, four deep; of several on one line the first, and no loop is endless."""
    for name, text in IMPORTING.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    found = named_files({"map_batch": "enrich:add"}, tmp_path)
    assert found == ["enrich.py", "rules.py", "mine/deep.py", "words.py", "far.py", "farther.py"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv", True),
        ("d/a.csv", True),
        ("./a.csv", True),
        ("", False),
        (".", False),
        ("/etc/a.csv", False),
        ("../a.csv", False),
        ("d/../../a.csv", False),
    ],
)
def test_a_name_that_leads_elsewhere_is_seen(name, expected):
    """Only names below the directory of the configuration are packed."""
    assert is_below(name) is expected
