"""The documentation runs: every Python block of README and docs, the blocks of a file in one namespace."""

import doctest
import re
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.evaluators.doctest import NUMBER
from sybil.parsers import markdown, rest

import skmtl

ROOT = Path(__file__).resolve().parents[1]
BUILT = {"_build", "auto_examples", "generated"}  # folders that Sphinx makes, of what is tested elsewhere
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | NUMBER

PARSERS = {
    ".md": [markdown.PythonCodeBlockParser(doctest_optionflags=OPTIONS)],
    ".rst": [rest.PythonCodeBlockParser(), rest.DocTestParser(OPTIONS)],
}
# Other names of the language, whose blocks no parser looks at.
UNTESTED = re.compile(r"^\s*(?:\.\. (?:code|code-block|sourcecode)::|```) *(?:py|py3|python3|pycon|ipython\w*)$", re.M)
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(page for page in (ROOT / "docs").rglob("*.rst") if BUILT.isdisjoint(page.relative_to(ROOT).parts)),
]
EXAMPLES = {page: list(Sybil(PARSERS[page.suffix]).parse(page).examples()) for page in PAGES}


def name(page):
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", [page for page in PAGES if EXAMPLES[page]], ids=name)
def test_code_blocks_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a page may save a model or a plot
    for example in EXAMPLES[page]:
        example.evaluate()


def test_readme_shows_code():
    assert EXAMPLES[ROOT / "README.md"]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_python_block_goes_untested(page):
    assert not UNTESTED.findall(page.read_text(encoding="utf-8")), "write 'python', or a doctest"


def test_every_public_name_is_in_the_api_page():
    listed = set(re.findall(r"[\w.]+", (ROOT / "docs" / "api" / "index.rst").read_text(encoding="utf-8")))
    parts = [getattr(skmtl, name) for name in skmtl.__all__ if name.islower() and not name.startswith("_")]
    public = {name for part in parts for name in part.__all__ if not name.isupper()}
    assert public <= listed
