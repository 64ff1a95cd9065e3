"""The site of the guide: what its pages link to comes with them, and a broken link is found."""

import re

import pytest

from dev import site


@pytest.fixture
def pages(tmp_path, monkeypatch):
    """The pages as they are laid out."""
    monkeypatch.setattr(site, "PAGES", tmp_path)
    site.lay_out()
    return tmp_path


def test_every_link_of_a_page_is_laid_out(pages):
    """Files and directories of the repository that a page links to are pages, pictures are copied."""
    for page in sorted(pages.rglob("*.md")):
        text = re.sub(r"^ *```.*?^ *```+$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        for link in re.findall(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)", text):
            if "://" not in link:
                assert (page.parent / link).is_file(), f"{page.relative_to(pages)}: {link}"


def test_every_page_of_the_guide_is_in_the_navigation(pages):
    """And the navigation names no other."""
    _, _, nav = (site.ROOT / "dev/mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")
    named = set(re.findall(r"([\w./-]+\.md)$", nav, re.MULTILINE))
    assert [page for page in named if not (pages / page).is_file()] == []
    docs = {path.relative_to(site.ROOT).as_posix() for path in (site.ROOT / "docs").rglob("*.md")}
    assert docs - named == set()


GOOD = '<a id="top" href="#top"></a><a href="b.html#here">b</a><a href="https://example.com">away</a><img src="p.png">'


@pytest.mark.parametrize(
    ("page", "wrong"),
    [
        (GOOD, []),
        ('<a href="c.html">c</a>', ["a.html: c.html is not there"]),
        ('<a href="b.html#there">b</a>', ["a.html: b.html#there has no such heading"]),
        ('<a href="#there">b</a>', ["a.html: #there has no such heading"]),
        ('<img src="q.png">', ["a.html: q.png is not there"]),
        ('<script src="https://example.com/x.js"></script>', ["a.html: loads https://example.com/x.js"]),
        ('<link rel="stylesheet" href="//example.com/x.css">', ["a.html: loads //example.com/x.css"]),
    ],
    ids=["good", "page", "heading", "heading here", "picture", "script", "style"],
)
def test_what_is_broken_is_found(tmp_path, page, wrong):
    """A page, a heading or a picture that is not there, and what is loaded from elsewhere."""
    (tmp_path / "a.html").write_text(page)
    (tmp_path / "b.html").write_text('<h1 id="here">b</h1>')
    (tmp_path / "p.png").write_bytes(b"")
    assert site.broken(tmp_path) == wrong
