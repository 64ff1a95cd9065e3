"""Paths: every plan means what `jmespath` means, and what is no JMESPath is one line with the remedy."""

import json
import pickle
import subprocess
import sys
import warnings

import jmespath
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastxform.query import paths
from fastxform.query.paths import Compiled, Dotted, Either, FirstWhere, Indexed, PathError, compile_path


def dotted(text):
    return Dotted(tuple(text.split(".")))


def header(elements, name):
    return FirstWhere(dotted(elements), dotted("name"), name, dotted("value"), ignores_case=True)


PLANS = {
    "one name": ("id", dotted("id")),
    "names": ("dynamodb.Keys.id", dotted("dynamodb.Keys.id")),
    "underscores and digits": ("_a1.B_2", dotted("_a1.B_2")),
    "quoted": ('mail."user-agent"', Dotted(("mail", "user-agent"))),
    "quoted dot": ('"a.b".c', Dotted(("a.b", "c"))),
    "quoted escapes": (r'"a\"b\\c\u00e9\n"', Dotted(('a"b\\cé\n',))),
    "quoted pair of surrogates": (r'"\ud83d\ude00"', Dotted(("😀",))),
    "quoted and empty": ('""', Dotted(("",))),
    "spaces around": (" a . \t b\n.c ", dotted("a.b.c")),
    "brackets around": ("(a.b).c", dotted("a.b.c")),
    "either": ("a || b.c", Either((dotted("a"), dotted("b.c")))),
    "either without spaces": ("a||b||c", Either((dotted("a"), dotted("b"), dotted("c")))),
    "either, quoted bars": ('a || "b || c"', Either((dotted("a"), Dotted(("b || c",))))),
    "either in brackets": ("(a || b)", Either((dotted("a"), dotted("b")))),
    "either in brackets on the right": ("a || (b || c)", Either((dotted("a"), dotted("b"), dotted("c")))),
    "either and the rest": (
        '(d.NewImage || d.OldImage) . x."y-z"',
        Either((dotted("d.NewImage"), dotted("d.OldImage")), ("x", "y-z")),
    ),
    "either in brackets twice": ("((a || b).c).d", Either((dotted("a"), dotted("b")), ("c", "d"))),
    "first where": (
        "mail.headers[?name=='From'].value | [0]",
        FirstWhere(dotted("mail.headers"), dotted("name"), "From", dotted("value")),
    ),
    "first where, dotted and quoted": (
        """x[? a."b-c" == 'it\\'s \\n' ] . "y z".w|[0]""",
        FirstWhere(dotted("x"), Dotted(("a", "b-c")), "it's \\n", Dotted(("y z", "w"))),
    ),
    "first where, JSON literal": ('x[?k==`"v"`].y | [0]', FirstWhere(dotted("x"), dotted("k"), "v", dotted("y"))),
    "first where in brackets": ("(x[?k=='v'].y) | [0]", FirstWhere(dotted("x"), dotted("k"), "v", dotted("y"))),
    "first where, empty text": ("x[?k==''].y|[0]", FirstWhere(dotted("x"), dotted("k"), "", dotted("y"))),
    "index": ("a[0]", Indexed(dotted("a"), (0,))),
    "index from the end": ("a.b[-1]", Indexed(dotted("a.b"), (-1,))),
    "indices and names": ('a [ 0 ] . "b-c" [12].d', Indexed(dotted("a"), (0, "b-c", 12, "d"))),
    "index of an element": ("a[0][-0]", Indexed(dotted("a"), (0, 0))),
    "index in brackets": ("(a.b)[0].c", Indexed(dotted("a.b"), (0, "c"))),
    "header": ("header(mail.headers, 'From')", header("mail.headers", "from")),
    "header, spaces": (" header ( h\t,\n'X-it\\'s' ) ", header("h", "x-it's")),
    "header, JSON literal": ('header(h, `"To"`)', header("h", "to")),
}

SLOW = {
    "index of the document": "[0]",
    "index of either": "(a || b)[0]",
    "index of what is flattened": "a[][0]",
    "index of each": "a[*].b[0]",
    "header in either": "header(a, 'b') || c",
    "header of a name": "header(a, b)",
    "header of an element": "header(a[0], 'b')",
    "a name in brackets that no record holds": r'a[0]."\ud800"',
    "current": "@",
    "wildcard": "a.*.b",
    "pipe": "a | b",
    "function": "length(a)",
    "literal": "'text'",
    "literal in the old spelling": "`text`",
    "either with a literal": "a || 'none'",
    "either and the rest inside either": "(a || b).c || d",
    "and": "a && b",
    "list in either": "a[0] || b",
    "first where without a value": "x[?k=='v'] | [0]",
    "first where, value after the index": "x[?k=='v'] | [0].y",
    "first where, second": "x[?k=='v'].y | [1]",
    "first where, last": "x[?k=='v'].y | [-1]",
    "first where, all": "x[?k=='v'].y",
    "first where, index of each": "x[?k=='v'].y[0]",
    "first where, not equal": "x[?k!='v'].y | [0]",
    "first where, number": "x[?k==`1`].y | [0]",
    "first where, two names": "x[?k==v].y | [0]",
    "first where, two conditions": "x[?k=='v' && l=='w'].y | [0]",
    "first where of the document": "[?k=='v'].y | [0]",
    "first where of either": "(a || b)[?k=='v'].y | [0]",
    "first where and more": "x[?k=='v'].y | [0] | z",
    "a name that no record holds": r'"\ud800"',
    "an either that no record holds": r'a || "\ud800"',
    "a text that no record holds": r'x[?k==`"\ud800"`].y | [0]',
    "slice": "a[1:2]",
    "hash": "{a: b.c}",
}

ERRORS = {
    "hyphen": ("mail.user-agent", 'not JMESPath, unexpected - at character 10; write mail."user-agent"'),
    "hyphen before a digit": ("a-1", 'not JMESPath, unexpected - at character 2; write "a-1"'),
    "leading digit": ("a.1b", 'not JMESPath, unexpected 1 at character 3; write a."1b"'),
    "colon": ("tags.ses:ip", 'not JMESPath, unexpected : at character 9; write tags."ses:ip"'),
    "slash": ("a.b/c", 'not JMESPath, unexpected / at character 4; write a."b/c"'),
    "not ASCII": ("人口", 'not JMESPath, unexpected 人 at character 1; write "人口"'),
    "at": ("a.@type", 'not JMESPath, unexpected @ at character 3; write a."@type"'),
    "at in front": ("@type", 'not JMESPath, unexpected t at character 2; write "@type"'),
    "dollar": ("a.$ref", 'not JMESPath, unexpected $ at character 3; write a."$ref"'),
    "JSONPath": ("$.a.b", "not JMESPath, unexpected $ at character 1; write a.b"),
    "JSONPath and a hyphen": ("$.a.b-c", 'not JMESPath, unexpected $ at character 1; write a."b-c"'),
    "JSONPath member": ("$.a['b-c'].d", 'not JMESPath, unexpected $ at character 1; write a."b-c".d'),
    "on the right of either": ("a || b.c-d", 'not JMESPath, unexpected - at character 9; write a || b."c-d"'),
    "inside a condition": (
        "x[?user-id=='v'].y | [0]",
        "not JMESPath, unexpected - at character 8; write x[?\"user-id\"=='v'].y | [0]",
    ),
    "quotes are kept": (
        "\"a-b\".c-d || 'e-f'",
        """not JMESPath, unexpected - at character 8; write "a-b"."c-d" || 'e-f'""",
    ),
    "nothing": ("", "an empty path at character 1"),
    "spaces": (" \t", "an empty path at character 1"),
    "ends with a dot": ("a.", "not JMESPath, it ends too early at character 3"),
    "two names": ("a b", "not JMESPath, unexpected b at character 3"),
    "unclosed": ('a."b', 'not JMESPath, unclosed " at character 3'),
    "control character": ("a\x00", "not JMESPath, unexpected '\\x00' at character 2; write \"a\\u0000\""),
    "no such function": ("lenght(a.b)", "JMESPath has no function lenght at character 1; write length(a.b)"),
    "no such function inside": (
        "a | [?contain(b, 'c')]",
        "JMESPath has no function contain at character 7; write a | [?contains(b, 'c')]",
    ),
    "a name unlike any function": ("zzzz(a)", "JMESPath has no function zzzz at character 1"),
    "too many arguments": ("length(a, b)", "length takes 1 argument, not 2 at character 1"),
    "too few arguments": ("join(a)", "join takes 2 arguments, not 1 at character 1"),
    "header of a name that no header has": ("header(h, 'Größe')", "the name of a header is ASCII at character 11"),
    "header without a name": ("header(h)", "header takes 2 arguments, not 1 at character 1"),
    "none of many arguments": ("not_null()", "not_null takes at least 1 argument, not 0 at character 1"),
    "too deep": ("(" * 5_000, "nested too deep for JMESPath at character 1"),
    "too long a number": (f"a[{'9' * 5_000}]", "not JMESPath, unexpected a at character 1"),
}


@pytest.mark.parametrize(("text", "plan"), PLANS.values(), ids=PLANS)
def test_known_shape_is_compiled_to_its_plan(text, plan):
    """A path of a known shape, however it is spelt, is the plan of that shape."""
    assert compile_path(text) == plan


@pytest.mark.parametrize("text", SLOW.values(), ids=SLOW)
def test_any_other_shape_is_left_to_the_package(text):
    """What means anything else than the known shapes, by however little, is kept as text for `jmespath`."""
    assert compile_path(text) == Compiled(text, None)


@pytest.mark.parametrize(("text", "line"), ERRORS.values(), ids=ERRORS)
def test_what_is_no_path_says_so_in_one_line(text, line):
    """The error is the reason, the character, and the spelling that was meant; that spelling is a path."""
    with pytest.raises(PathError) as caught:
        compile_path(text)
    assert str(caught.value) == line
    if caught.value.suggestion is not None:
        assert compile_path(caught.value.suggestion)


HINTS = {
    "images": (
        "dynamodb.NewImage.x || dynamodb.OldImage.x",
        '|| passes over false, "" and [] too, to the other image; write (dynamodb.NewImage || dynamodb.OldImage).x',
    ),
    "deep members": (
        'dynamodb.OldImage.a."b-c" || dynamodb.NewImage.a."b-c"',
        '|| passes over false, "" and [] too, to the other image; '
        'write (dynamodb.OldImage || dynamodb.NewImage).a."b-c"',
    ),
    "the form itself": ("(dynamodb.NewImage || dynamodb.OldImage).x", None),
    "images as a whole": ("dynamodb.NewImage || dynamodb.OldImage", None),
    "other members": ("dynamodb.NewImage.x || dynamodb.OldImage.y", None),
    "no images": ("mail.x || click.x", None),
    "one image": ("dynamodb.NewImage.x || dynamodb.Keys.x", None),
    "no either": ("dynamodb.NewImage.x", None),
}


@pytest.mark.parametrize(("text", "hint"), HINTS.values(), ids=HINTS)
def test_fallback_between_members_of_images_is_hinted_at(text, hint):
    """Only where every term is the same member of an image, the form that asks for the image is named."""
    assert paths.image_fallback_hint(compile_path(text)) == hint


def test_fallback_hint_names_a_path_that_keeps_false_values():
    """The form of the hint takes the new image's false, where the path itself takes the old image's true."""
    path = compile_path("dynamodb.NewImage.x || dynamodb.OldImage.x")
    document = {"dynamodb": {"NewImage": {"x": False}, "OldImage": {"x": True}}}
    assert paths.evaluate_compiled(path, document) is True
    form = compile_path(paths.image_fallback_hint(path).partition("write ")[2])
    assert paths.evaluate_compiled(form, document) is False


ATTRIBUTES = {
    "key": (
        "dynamodb.Keys.id.S",
        "paths address plain values, without the types of attributes; write dynamodb.Keys.id",
    ),
    "number": (
        'dynamodb.NewImage."a-b".N',
        'paths address plain values, without the types of attributes; write dynamodb.NewImage."a-b"',
    ),
    "an attribute of that name": ("dynamodb.NewImage.S", None),
    "plain": ("dynamodb.Keys.id", None),
    "elsewhere": ("a.b.c.S", None),
}


@pytest.mark.parametrize(("text", "hint"), ATTRIBUTES.values(), ids=ATTRIBUTES)
def test_type_of_an_attribute_at_the_end_is_hinted_at(text, hint):
    """A path that ends in the type of an attribute, as in the change's own JSON, is told how to do without."""
    assert paths.attribute_type_hint(compile_path(text)) == hint


ROOTS = {
    "dotted": ("a.b", ("a",)),
    "either": ("(a.b || c || a.d).e", ("a", "c")),
    "first where": ("x.y[?k=='v'].z | [0]", ("x",)),
    "index": ("a.b[0].c", ("a",)),
    "header": ("header(a.b, 'c')", ("a",)),
    "slice": ("a[1:2].b", ("a",)),
    "function": ("join(a, [b, c.d])", ("a", "b", "c")),
    "filter": ("a[?b=='c' && d].e", ("a",)),
    "hash and pipe": ("{x: a, y: b || c} | x", ("a", "b", "c")),
    "function of elements": ("sort_by(a, &b)", ("a",)),
    "comparison": ("a == b && !c", ("a", "b", "c")),
    "flattened": ("a[].b[]", ("a",)),
    "values": ("a.*.b", ("a",)),
    "literal": ("'a'", ()),
    "current": ("@", ()),
}


@pytest.mark.parametrize(("text", "names"), ROOTS.values(), ids=ROOTS)
def test_members_that_a_path_reads_are_known(text, names):
    """The members are those that are looked up in the document, not those of what stands in it."""
    assert paths.root_names(compile_path(text)) == names


QUOTED = {
    "bare": ("a_1", "a_1"),
    "hyphen": ("a-b", '"a-b"'),
    "digit": ("1", '"1"'),
    "quote": ('a"b', r'"a\"b"'),
    "empty": ("", '""'),
}


@pytest.mark.parametrize(("name", "text"), QUOTED.values(), ids=QUOTED)
def test_quoted_name_is_the_path_of_its_member(name, text):
    """A quoted name is bare where it may be, and compiles to that one member."""
    assert paths.quote(name) == text
    assert compile_path(text) == Dotted((name,))


HEADERS = [{"name": 5, "value": "n"}, {"name": "X-A", "value": None}, {"name": "x-a", "value": "1"}, {"name": "X-A"}, 7]


@pytest.mark.parametrize("text", ["header(h, 'X-a')", 'header(h, `"x-A"`)', "header(h, 'x-a') || 'none'"])
def test_a_header_is_found_whatever_the_case_of_its_name(text):
    """The first that has a value, by the plan and by `jmespath`; of another letter that folds to one of it none."""
    assert paths.evaluate_compiled(compile_path(text), {"h": HEADERS}) == "1"
    assert paths.evaluate_compiled(compile_path("header(h, 'k')"), {"h": [{"name": "\u212a", "value": 1}]}) is None
    assert paths.evaluate_compiled(compile_path("header(h, 'k') || `2`"), {"h": {"k": 1}}) == 2


def test_plans_travel_between_processes():
    """A plan comes out of a pickle as it went in; what `jmespath` compiled is compiled again."""
    for text in ("a.b", "(a || b).c", "x[?k=='v'].y | [0]", "a[0].b"):
        plan = pickle.loads(pickle.dumps(compile_path(text)))
        assert plan == compile_path(text)
        assert paths.evaluate_compiled(plan, {"a": [{"b": 1}]}) == jmespath.search(text, {"a": [{"b": 1}]})


def test_known_shapes_do_without_the_package():
    """In a fresh interpreter the known shapes are compiled, and `jmespath` is not imported."""
    fast = [text for name, (text, _) in PLANS.items() if "in brackets" not in name and "JSON" not in name]
    fast = [text for text in fast if not text.startswith("(a.b)")]
    program = (
        "import json, sys\n"
        "from fastxform.query import paths\n"
        "for text in json.loads(sys.argv[1]):\n"
        "    paths.compile_path(text)\n"
        "print('jmespath' in sys.modules)\n"
        "paths.compile_path('a[1:]')\n"
        "print('jmespath' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, json.dumps(fast)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


NAMES = st.sampled_from(["a", "b", "c", "k", '"a"', '"b-c"', '"a.b"', r'"\u0061"'])
SPACES = st.sampled_from(["", "", "", " ", "\n"])
TEXTS = st.sampled_from(["", "v", "w", "it's"])


@st.composite
def dotted_texts(draw):
    return f"{draw(SPACES)}.{draw(SPACES)}".join(draw(st.lists(NAMES, min_size=1, max_size=3)))


@st.composite
def plan_texts(draw):
    """Texts of the known shapes."""
    shape = draw(st.sampled_from(["dotted", "either", "rest", "where", "index"]))
    if shape == "dotted":
        return draw(dotted_texts())
    if shape == "where":
        elements, key, value = draw(dotted_texts()), draw(dotted_texts()), draw(dotted_texts())
        text = draw(TEXTS).replace("'", "\\'")
        return f"{elements}[?{key}{draw(SPACES)}=='{text}'{draw(SPACES)}].{value}{draw(SPACES)}|{draw(SPACES)}[0]"
    if shape == "index":
        steps = draw(st.lists(st.integers(-2, 2).map("[{}]".format) | NAMES.map(".{}".format), max_size=3))
        return f"{draw(dotted_texts())}{draw(SPACES)}[{draw(st.integers(-2, 2))}]" + "".join(steps)
    either = f"{draw(SPACES)}||{draw(SPACES)}".join(draw(st.lists(dotted_texts(), min_size=2, max_size=3)))
    rest = "".join(f".{name}" for name in draw(st.lists(NAMES, max_size=2)))
    return f"({either}){rest}" if shape == "rest" else either


SCALARS = st.none() | st.booleans() | st.sampled_from([0, 1, -1, 0.0, 1.5]) | TEXTS
MEMBERS = st.sampled_from(["a", "b", "c", "k", "b-c", "a.b"])
DOCUMENTS = st.dictionaries(
    MEMBERS,
    st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=4), max_leaves=12
    ),
    max_size=5,
)


def reference(plan, document):
    """What a plan means, said once more, on a plain document."""

    def member(value, names):
        for name in names:
            value = value.get(name) if type(value) is dict else None
        return value

    if isinstance(plan, Dotted):
        return member(document, plan.names)
    if isinstance(plan, Either):
        *first, last = [member(document, term.names) for term in plan.terms]
        found = next(
            (value for value in first if value is not None and value is not False and value not in ("", [], {})), last
        )
        return member(found, plan.rest)
    if isinstance(plan, Indexed):
        value = member(document, plan.base.names)
        for step in plan.steps:
            if type(step) is str:
                value = member(value, (step,))
            else:
                value = (
                    dict(enumerate(value)).get(step % len(value))
                    if type(value) is list and -len(value) <= step < len(value)
                    else None
                )
        return value
    elements = member(document, plan.list.names)
    if type(elements) is not list:
        return None
    matching = [member(e, plan.value.names) for e in elements if member(e, plan.key.names) == plan.equals]
    return next((value for value in matching if value is not None), None)


@settings(max_examples=300, deadline=None)
@given(text=plan_texts(), document=DOCUMENTS)
def test_plans_agree_with_jmespath(text, document):
    """On any document a plan gives what `jmespath` gives, by the reference and by the package's own means."""
    plan = compile_path(text)
    assert not isinstance(plan, Compiled)
    expected = jmespath.search(text, document)
    for found in (reference(plan, document), paths.evaluate_compiled(plan, document)):
        assert found == expected
        assert type(found) is type(expected)


@settings(max_examples=300, deadline=None)
@given(text=plan_texts())
def test_shape_is_the_same_from_the_text_and_from_the_syntax_tree(text):
    """The plan that is recognised from the text is the one that the syntax tree of `jmespath` gives."""
    assert paths._recognised(text) == paths._parsed(text)


@settings(max_examples=100, deadline=None)
@given(elements=st.lists(st.fixed_dictionaries({}, optional={"k": TEXTS, "b": SCALARS}), max_size=4))
@example(elements=[{"k": "v", "b": None}, {"k": "v"}, {"k": "w", "b": 1}, {"k": "v", "b": False}, {"k": "v", "b": 2}])
def test_first_where_passes_over_null_values(elements):
    """Of the elements that match, the first whose value is not null counts: projections drop nulls."""
    plan = compile_path("a[?k=='v'].b | [0]")
    expected = jmespath.search("a[?k=='v'].b | [0]", {"a": elements})
    assert reference(plan, {"a": elements}) == paths.evaluate_compiled(plan, {"a": elements}) == expected


PIECES = st.sampled_from(
    [*"abk.|[]()'\"`?=!&@$-*,:{} \n\\0", "||", "[?", "==", "'v'", "[0]", "length(", "é", "\ud800", "\x00"]
)


@settings(max_examples=500, deadline=None)
@given(text=st.lists(PIECES, max_size=14).map("".join) | st.text(max_size=20))
def test_any_text_is_a_path_or_an_error_of_one_line(text):
    """Whatever the text, it is a plan, which agrees with `jmespath`, or a `PathError` of one printable line."""
    try:
        plan = compile_path(text)
    except PathError as err:
        assert str(err).isprintable()
        assert 0 <= err.offset <= len(text)
        if str(err).startswith("not JMESPath"):
            with warnings.catch_warnings(), pytest.raises(ValueError):
                # A literal in the old spelling, `text`, is warned about before what follows it is refused.
                warnings.simplefilter("ignore", PendingDeprecationWarning)
                jmespath.compile(text)
        return
    if not isinstance(plan, Compiled):
        document = {"a": {"b": 1}, "b": [{"k": "v", "a": 2}], "k": None}
        assert reference(plan, document) == jmespath.search(text, document)


LONG = {
    "names": "a." * 20_000 + "!",
    "spaces": "a" + " " * 50_000 + "!",
    "either": "a||" * 20_000 + "!",
    "quotes": '"' + "\\" * 50_001,
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_long_text_is_refused_without_backtracking(text):
    """A long text of almost a known shape comes to its error; where it did not, this test would not end."""
    with pytest.raises(PathError):
        compile_path(text)
