"""What the site needs beyond MkDocs: folders in the navigation, and links to files of the repository.

MkDocs calls these functions; mkdocs.yml names this file.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

# A link to a file or folder, with or without an anchor; not to another site, nor within the page.
_LINK = re.compile(r"(?<=\]\()(?!https?://|#|mailto:)(?P<target>[^)#\s]+)(?P<anchor>#[^)\s]+)?(?=\))")
_GENERATED = re.compile(r"\A<!-- generated.*? -->\n")
_SECTION = re.compile(r"\]\(README\.md#(?P<name>[\w-]+)\)")
# Pages that another part of the project writes, which need not be there, and where they are shown.
_LATER = {"rules/": ("undecided-rules.md",)}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of folders in place of their names; folders that are absent or empty are left out."""
    config.nav = _expanded(config.nav or [], Path(config.docs_dir))
    return config


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001  # MkDocs'
    """Let links that leave docs/ lead to the repository, and the heading stand first: MkDocs takes it as the title."""
    folder = posixpath.dirname(page.file.src_uri)

    def led(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, match["target"]))
        if not target.startswith("../"):
            return match[0]
        return f"{config.repo_url}/blob/main/{target.removeprefix('../')}{match['anchor'] or ''}"

    return _LINK.sub(led, _GENERATED.sub("", markdown))


def _expanded(entries: list[Any], docs: Path) -> list[Any]:
    found = []
    for entry in entries:
        if not isinstance(entry, dict):
            found.append(entry)
            continue
        for title, content in entry.items():
            if isinstance(content, list):
                found.append({title: _expanded(content, docs)})
            elif not content.endswith("/"):
                found.append({title: content})
            elif pages := _pages(docs, content):
                found.append({title: pages})
    return found


def _pages(docs: Path, folder: str) -> list[Any]:
    """The pages of a folder: its README first, which stands for the folder, then the others.

    Pages that begin by naming a section of the README, as rules name their family, stand together below it.
    """
    pages: list[Any] = []
    sections: dict[str, list[str]] = {}
    for path in sorted((docs / folder).glob("*.md")):
        section = _SECTION.search(path.read_text(encoding="utf-8"))
        if path.name == "README.md":
            pages.insert(0, f"{folder}{path.name}")
        elif section is None:
            pages.append(f"{folder}{path.name}")
        else:
            sections.setdefault(section["name"], []).append(f"{folder}{path.name}")
    pages += [{name: sections[name]} for name in sorted(sections)]
    return pages + [name for name in _LATER.get(folder, ()) if pages and (docs / name).exists()]
