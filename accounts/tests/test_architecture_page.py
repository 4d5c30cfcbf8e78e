"""docs/architecture.md shows the real rooms."""

import re

import pytest

from accounts.tests import picture
from accounts.tests.test_architecture import MAY_IMPORT

pytestmark = pytest.mark.once


def test_the_picture_shows_the_real_imports():
    drawn = picture.BLOCK.search(picture.PAGE.read_text())[0]

    assert drawn == picture.mermaid(), "run python -m accounts.tests.picture"


def test_the_rooms_may_import_no_more_than_they_do():
    assert picture.imported() == MAY_IMPORT


def test_every_file_that_the_page_links_to_exists():
    links = re.findall(r"\]\((\.\./[^)#]+|[a-z]+\.md)", picture.PAGE.read_text())

    assert links
    assert not [link for link in links if not (picture.PAGE.parent / link).exists()]
