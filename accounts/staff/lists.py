"""Lists of the admin that stay fast however long their table is."""

from typing import Any, cast

from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.db.models.expressions import OrderBy
from django.utils.functional import cached_property

LONGEST_LIST = 10_000  # Rows that can be reached page by page: a hundred pages.
LONGEST_SEARCH = 1000  # Rows that one index is asked for by a search.


class AtLeast(int):
    """A number of rows that may be more."""

    def __str__(self) -> str:
        return f"{int(self)}+"


class FirstPages(Paginator):
    """The pages of the first rows of a list: nothing beyond them is counted or skipped."""

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)
        counted = rows[:LONGEST_LIST].count()
        return AtLeast(counted) if counted == LONGEST_LIST else counted


class IndexedList(ChangeList):
    """A list that is sorted only by what has an index, whatever its address asks for."""

    def get_ordering_field(self, field_name: Any) -> Any:
        is_indexed = field_name in (self.sortable_by or ())
        return super().get_ordering_field(field_name) if is_indexed else None


class PatternOrder(OrderBy):
    """The order of an index on patterns, which PostgreSQL keeps apart from that of a language."""

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        # Django looks for a direction, which PostgreSQL does not allow beside an operator.
        template = "%(expression)s USING ~<~ /* %(ordering)s */"
        return self.as_sql(compiler, connection, template=template)


def first_keys(*searches: QuerySet[Any]) -> list[Any]:
    """Return the keys of the first rows of each search.

    Each is to be ordered by the index that finds it. Were they joined by OR, or in the list's own
    order, PostgreSQL might walk all of the table in that order until it met enough of them.
    """
    return [key for rows in searches for key in rows.values_list("pk", flat=True)[:LONGEST_SEARCH]]
