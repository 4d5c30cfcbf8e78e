"""Health checks for load balancers."""

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from drf_spectacular.utils import OpenApiExample, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.outbox import flows as outbox
from lazyrabbit.draining import draining

PATIENCE = 0.9  # Seconds for all checks together.


class HealthView(APIView):
    authentication_classes = []
    permission_classes = []

    @extend_schema(
        tags=["health"],
        responses=inline_serializer("Health", {"status": serializers.CharField()}),
        examples=[OpenApiExample("Healthy", {"status": "healthy"}, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """Answer that the process is up.

        It looks at nothing else: a database in trouble is no reason to kill the process.
        """
        return Response({"status": "healthy"})

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Answer with the allowed methods."""
        return Response(status=204)


# If the database hangs, this thread waits, and the request is answered all the same.
checker = ThreadPoolExecutor(1, "ready")


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 if a load balancer should use this node, else 503, within a second."""
    found = examine()
    is_ready = should_serve(found)
    status = "ready" if is_ready else "not ready"
    response = JsonResponse({"status": status, "checks": found}, status=200 if is_ready else 503)
    response.code = "not_ready"  # type: ignore[attr-defined]
    return response


def should_serve(found: dict[str, bool]) -> bool:
    # Without regard to mail: trouble with it would stop every node at once.
    return found["database"] and found["migrations"] and not found["draining"]


def examine() -> dict[str, bool]:
    """Return whether each check passes; one that takes longer than a second does not."""
    checks = {"database": False, "migrations": False, "mail": False}
    checking: Future[None] = checker.submit(check, checks)
    with suppress(TimeoutError):
        checking.result(PATIENCE)
    checking.cancel()  # If its turn has not come yet.
    return {**checks, "draining": draining.is_set()}


def check(checks: dict[str, bool]) -> None:
    """Set each check that passes to True."""
    try:
        executor = MigrationExecutor(connection)  # It reads the applied migrations.
        checks["database"] = True
        checks["migrations"] = not executor.migration_plan(executor.loader.graph.leaf_nodes())
        checks["mail"] = outbox.backlog().is_healthy
    except Error:
        return
    finally:
        connection.close()  # Opening a new connection is part of the check.
