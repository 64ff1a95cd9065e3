"""The site of the guide: `python -m dev.site` lays its pages out, builds them with MkDocs and checks every link.

The pages are those of the repository, with the paths that they have there; a source file or directory that one of them
links to becomes a page too. Invariant: a broken link, to a page, a heading or a file, ends the build, and a page of the
site loads nothing from elsewhere.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

ROOT: Final = Path(__file__).parent.parent
PAGES: Final = ROOT / "build" / "pages"
SITE: Final = ROOT / "build" / "site"
FIRST: Final = ("README.md", "docs/**/*.md", "docs/pictures/*", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")

_LINK: Final = re.compile(r"(?<=\]\()([^)\s#]+)(#[^)\s]*)?(?=\))")
_FENCED: Final = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
_MERMAID: Final = re.compile(r"^```mermaid\n.*?^```$", re.DOTALL | re.MULTILINE)
_LANGUAGES: Final = {".tf": "terraform", ".py": "python", ".toml": "toml", ".yaml": "yaml", ".yml": "yaml"}
_QUIET: Final = {"NO_MKDOCS_2_WARNING": "1"}
"""Material for MkDocs prints an advertisement about MkDocs 2 without it."""

_PICTURES: Final = (".svg", ".png")
_LOADED: Final = {("img", "src"), ("script", "src"), ("link", "href"), ("source", "srcset"), ("iframe", "src")}


def lay_out() -> None:
    """Write the pages, and whatever they link to, under `PAGES`."""
    shutil.rmtree(PAGES, ignore_errors=True)
    waiting = [path for pattern in FIRST for path in sorted(ROOT.glob(pattern))]
    done: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path not in done:
            done.add(path)
            waiting += _write(path)


def _write(path: Path) -> list[Path]:
    """Write one file, and return those that it links to."""
    name = path.relative_to(ROOT)
    if path.is_dir():
        return _write_page(PAGES / name / "index.md", _listing(path), path)
    if path.suffix == ".md":
        return _write_page(PAGES / name, path.read_text(encoding="utf-8"), path.parent)
    target = PAGES / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix in _PICTURES:
        shutil.copyfile(path, target)
    else:
        code = f"````{_LANGUAGES.get(path.suffix, 'text')}\n{path.read_text(encoding='utf-8')}````\n"
        target.with_name(target.name + ".md").write_text(f"# {name}\n\n{code}", encoding="utf-8")
    return []


def _listing(directory: Path) -> str:
    """Return a page that links to what is in a directory."""
    entries = sorted(directory.iterdir(), key=lambda entry: (entry.is_file(), entry.name))
    lines = [f"- [{entry.name}]({entry.name})" for entry in entries if not entry.name.startswith((".", "_"))]
    return "\n".join([f"# {directory.relative_to(ROOT)}", "", *lines, ""])


def _write_page(target: Path, text: str, home: Path) -> list[Path]:
    """Write a page whose links are relative to `home`, and return the files that it links to."""
    linked: list[Path] = []

    def link(found: re.Match[str]) -> str:
        place, anchor = found[1], found[2] or ""
        other = (home / place).resolve()
        if "://" in place or place.startswith("mailto:") or not other.is_relative_to(ROOT) or not other.exists():
            return found[0]
        linked.append(other)
        if other.is_dir():
            readme = other / "README.md"
            linked[-1] = readme if readme.exists() else other
            return f"{place.rstrip('/')}/{'README.md' if readme.exists() else 'index.md'}{anchor}"
        return f"{place}{'' if other.suffix in ('.md', *_PICTURES) else '.md'}{anchor}"

    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(_outside_fences(_drawn(text, home, linked), link), encoding="utf-8")
    return linked


def _drawn(text: str, home: Path, linked: list[Path]) -> str:
    """Return a page whose Mermaid diagram, which takes a script from elsewhere, is the picture of the README."""
    picture = ROOT / "docs" / "pictures" / "batch.svg"
    if not _MERMAID.search(text):
        return text
    linked.append(picture)
    return _MERMAID.sub(f"![The way of a batch]({picture.relative_to(home)})", text, count=1)


def _outside_fences(text: str, link: Callable[[re.Match[str]], str]) -> str:
    """Return a page with its links rewritten, but not what looks like one in code."""
    parts, last = [], 0
    for fence in _FENCED.finditer(text):
        parts += [_LINK.sub(link, text[last : fence.start()]), fence[0]]
        last = fence.end()
    return "".join([*parts, _LINK.sub(link, text[last:])])


class _Links(HTMLParser):
    """Collects the anchors of a page, what it links to, and what it loads."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif (tag, name) in _LOADED and value and not (tag == "link" and ("rel", "canonical") in attrs):
                self.loaded.append(value)
            elif (tag, name) == ("a", "href") and value:
                self.links.append(value)


def broken(site: Path = SITE) -> list[str]:
    """Return what is wrong with a built site: links that lead nowhere, and what is loaded from elsewhere."""
    pages: dict[Path, _Links] = {}
    for path in sorted(site.resolve().rglob("*.html")):
        pages[path] = _Links()
        pages[path].feed(path.read_text(encoding="utf-8"))
    wrong = []
    for path, page in pages.items():
        if path.name == "404.html":  # its links are absolute: it stands at any address
            continue
        name = path.relative_to(site.resolve())
        wrong += [f"{name}: loads {place}" for place in page.loaded if urlsplit(place).netloc]
        for place in [*page.links, *page.loaded]:
            parts = urlsplit(place)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
            if target.is_dir():
                target /= "index.html"
            if not target.exists():
                wrong.append(f"{name}: {place} is not there")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                wrong.append(f"{name}: {place} has no such heading")
    return wrong


def main() -> int:
    """Build the site; exit code 1 where it has a broken link."""
    lay_out()
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--config-file", "dev/mkdocs.yml"]
    if subprocess.run(command, cwd=ROOT, env=os.environ | _QUIET, check=False).returncode:
        return 1
    wrong = broken()
    for line in wrong:
        print(line, file=sys.stderr)
    if not wrong:
        print(f"{SITE.relative_to(ROOT)}/index.html: {sum(1 for _ in SITE.rglob('*.html'))} pages, no broken link")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
