"""Lists of the admin that stay fast for a table of any size."""

from typing import Any, cast

from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.db.models.expressions import OrderBy
from django.utils.functional import cached_property

LONGEST_LIST = 10_000  # Rows on the pages of a list: a hundred pages.
LONGEST_SEARCH = 1000  # Rows that a search reads from one index.


class AtLeast(int):
    """A count of rows that was cut off at this number."""

    def __str__(self) -> str:
        return f"{int(self)}+"


class FirstPages(Paginator):
    """Paginates the first rows of a list, and neither counts nor skips any row after them."""

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)
        counted = rows[:LONGEST_LIST].count()
        return AtLeast(counted) if counted == LONGEST_LIST else counted


class IndexedList(ChangeList):
    """A list that sorts only by columns with an index, whatever the URL requests."""

    def get_ordering_field(self, field_name: Any) -> Any:
        is_indexed = field_name in (self.sortable_by or ())
        return super().get_ordering_field(field_name) if is_indexed else None


class PatternOrder(OrderBy):
    """Orders by bytes like an index for patterns, and not by the rules of a language."""

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        # Django expects the direction in the template, but PostgreSQL does not allow it after an
        # operator: so it is in a comment.
        template = "%(expression)s USING ~<~ /* %(ordering)s */"
        return self.as_sql(compiler, connection, template=template)


def first_keys(*searches: QuerySet[Any]) -> list[Any]:
    """Return the keys of the first rows of each search, in the order of the index that it uses."""
    # Joined by OR, or in the list's own order, PostgreSQL might read the whole table in that order
    # until it finds enough rows.
    return [key for rows in searches for key in rows.values_list("pk", flat=True)[:LONGEST_SEARCH]]
