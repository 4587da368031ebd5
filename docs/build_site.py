"""Build site/: all pages, decisions and notebooks as one static site that works offline. `make docs` runs it."""

import argparse
import base64
import json
import os
import re
import shutil
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup

ROOT = Path(__file__).parents[1]
MARK = ".made-by-make-docs"
_COMMENT = re.compile(r"<!--.*?-->\s*", re.DOTALL)
_STYLE = re.compile(r"<style.*?</style>\s*", re.DOTALL)
_ELSEWHERE = re.compile(r"^([a-z]+:|#|//)", re.IGNORECASE)


@dataclass(frozen=True)
class Page:
    """One page: where its text stands in the repository, what it is called, what it shows."""

    source: str
    title: str
    body: Markup

    @property
    def address(self) -> str:
        """Where it stands in the site."""
        return address(self.source)

    @property
    def language(self) -> str:
        """The language of the text, from a name such as guide.fi.md."""
        return "fi" if ".fi." in self.source else "en"


def address(source: str) -> str:
    """Give the place of a page in the site, from its place in the repository."""
    return "index.html" if source == "README.md" else str(PurePosixPath(source).with_suffix(".html"))


def contents() -> dict[str, list[str]]:
    """Give the sources of all pages by section, in the order of the navigation; each once, where it is named first."""
    named = tomllib.loads((ROOT / "docs" / "site" / "contents.toml").read_text(encoding="utf-8"))
    found: dict[str, list[str]] = {}
    taken: set[str] = set()
    for section, globs in named.items():
        paths = [path for glob in globs for path in sorted(ROOT.glob(glob)) if ".head." not in path.name]
        found[section] = [name for name in dict.fromkeys(str(p.relative_to(ROOT)) for p in paths) if name not in taken]
        taken |= set(found[section])
    return found


class Writer:
    """Turns Markdown and notebooks into HTML; links between pages become links between the pages of the site."""

    def __init__(self, pages: set[str]) -> None:
        self.pages = pages
        self.files: set[str] = set()
        self.markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
        self.markdown.add_render_rule(
            "table_open", lambda *_: '<div class="scroll" tabindex="0" role="group" aria-label="Table"><table>'
        )
        self.markdown.add_render_rule("table_close", lambda *_: "</table></div>\n")
        self.markdown.add_render_rule("fence", _fence)

    def text(self, source: str, text: str, used: dict[str, int]) -> Markup:
        """Give the HTML of a piece of Markdown of a page; `used` holds the anchors that the page has already."""
        tokens = _without_empty_heads(self.markdown.parse(_COMMENT.sub("", text)))
        for at, token in enumerate(tokens):
            if token.type == "heading_open":
                token.attrSet("id", _anchor(tokens[at + 1].content, used))
            for child in token.children or []:
                for name in ("href", "src"):
                    if (link := child.attrGet(name)) is not None:
                        child.attrSet(name, self.link(source, str(link)))
        return Markup(self.markdown.renderer.render(tokens, self.markdown.options, {}))

    def link(self, source: str, link: str) -> str:
        """Give a link of the site for one of the repository; files that are no pages are taken along."""
        if _ELSEWHERE.match(link):
            return link
        path, _, anchor = link.partition("#")
        target = os.path.normpath(PurePosixPath(source).parent / path)
        if target in self.pages:
            target = address(target)
        elif (ROOT / target).is_file():
            self.files.add(target)
        else:
            raise SystemExit(f"{source} links to {link}, which is not there.")
        found = os.path.relpath(target, PurePosixPath(address(source)).parent)
        return f"{found}#{anchor}" if anchor else found

    def page(self, source: str) -> Page:
        """Give a page."""
        text = (ROOT / source).read_text(encoding="utf-8")
        used: dict[str, int] = {}
        parts = (
            [self._cell(source, cell, used) for cell in json.loads(text)["cells"]]
            if source.endswith(".ipynb")
            else [self.text(source, text, used)]
        )
        body = Markup("\n").join(parts)
        heading = re.search(r"<h1[^>]*>(.*?)</h1>", body, re.DOTALL)
        return Page(source, Markup(heading.group(1)).striptags() if heading else source, body)

    def _cell(self, source: str, cell: dict[str, Any], used: dict[str, int]) -> Markup:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            return self.text(source, text, used)
        outputs = [_output(output, text) for output in cell["outputs"]]
        return Markup('<div class="cell">{}{}</div>').format(_code(text), Markup("").join(outputs))


def _without_empty_heads(tokens: list[Token]) -> list[Token]:
    """Leave out the heads of tables that have none, and make a single empty head a plain cell: nobody can read it."""
    kept: list[Token] = []
    empty: set[int] = set()
    for at, token in enumerate(tokens):
        if token.type == "thead_open":
            end = next(n for n in range(at, len(tokens)) if tokens[n].type == "thead_close")
            inside = tokens[at : end + 1]
            if not any(inner.content for inner in inside if inner.type == "inline"):
                empty |= {id(inner) for inner in inside}
        if token.type == "th_open" and not tokens[at + 1].content:
            token.tag = tokens[at + 2].tag = "td"
        if id(token) not in empty:
            kept.append(token)
    return kept


def _anchor(heading: str, used: dict[str, int]) -> str:
    """Give the anchor that code forges give a heading, so that links work in both places."""
    plain = re.sub(r"[^\w\- ]", "", heading.lower().replace("`", "")).strip().replace(" ", "-")
    used[plain] = used.get(plain, -1) + 1
    return f"{plain}-{used[plain]}" if used[plain] else plain


def _fence(_: RendererHTML, tokens: list[Token], at: int, *__: Any) -> str:
    return _code(tokens[at].content)


def _code(text: str) -> Markup:
    return Markup('<pre tabindex="0"><code>{}</code></pre>\n').format(text.rstrip("\n"))


def _output(output: dict[str, Any], code: str) -> Markup:
    data = output.get("data", {})
    if "image/svg+xml" in data:
        picture = base64.b64encode("".join(data["image/svg+xml"]).encode()).decode()
        name = f"Figure drawn by {code.splitlines()[-1]}"
        return Markup('<img class="drawn" src="data:image/svg+xml;base64,{}" alt="{}">').format(picture, name)
    if "text/html" in data:
        table = _STYLE.sub("", "".join(data["text/html"]))
        return Markup('<div class="scroll output" tabindex="0" role="group" aria-label="Output">{}</div>').format(
            Markup(table)
        )
    text = output.get("text") or data.get("text/plain", "")
    return Markup('<pre class="output" tabindex="0">{}</pre>').format("".join(text))


def build(directory: Path) -> list[Page]:
    """Write the site into a folder, and give its pages; an earlier site there is replaced as a whole."""
    if directory.exists() and any(directory.iterdir()) and not (directory / MARK).exists():
        raise SystemExit(
            f"{directory.name}/ holds files that make docs did not write. Move them, or choose another folder."
        )
    sections = contents()
    sources = [source for section in sections.values() for source in section]
    writer = Writer(set(sources))
    pages = {source: writer.page(source) for source in sources}
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".site-") as beside:
        made = Path(beside) / "site"
        for source, html in _whole(sections, pages).items():
            _write(made / address(source), html.encode())
        for name in sorted(writer.files):
            _write(made / name, (ROOT / name).read_bytes())
        _write(made / MARK, b"")
        shutil.rmtree(directory, ignore_errors=True)
        made.rename(directory)
    return list(pages.values())


def _whole(sections: dict[str, list[str]], pages: dict[str, Page]) -> dict[str, str]:
    """Put each page into the frame: navigation, title, the pages before and after."""
    environment = Environment(
        loader=FileSystemLoader(ROOT / "docs" / "site"), autoescape=True, undefined=StrictUndefined
    )
    frame = environment.get_template("page.html")
    style = Markup((ROOT / "docs" / "site" / "style.css").read_text(encoding="utf-8"))  # ours
    order = list(pages.values())

    def framed(at: int, page: Page) -> str:
        here = PurePosixPath(page.address).parent
        links = {other.source: os.path.relpath(other.address, here) for other in order}
        around = {"before": order[at - 1] if at else None, "after": order[at + 1] if at + 1 < len(order) else None}
        return frame.render(page=page, pages=pages, sections=sections, links=links, style=style, **around)

    return {page.source: framed(at, page) for at, page in enumerate(order)}


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def main() -> None:
    """Build the site."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "site")
    directory = parser.parse_args().output
    pages = build(directory.resolve())
    sys.stdout.write(f"Wrote {len(pages)} pages: open {directory.name}/index.html\n")


if __name__ == "__main__":
    main()
