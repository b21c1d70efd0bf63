"""The guide shows every architecture."""

from pathlib import Path

import pytest

from skmtl.architectures import ARCHITECTURES

GUIDE = Path(__file__).resolve().parents[1] / "docs" / "user_guide"


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_has_a_section_and_a_drawing(name):
    page = (GUIDE / "architectures.rst").read_text(encoding="utf-8")
    assert f'\n``"{name}"``\n-' in page
    assert f"architectures/{name}.svg" in page
    assert (GUIDE / "architectures" / f"{name}.svg").exists()
