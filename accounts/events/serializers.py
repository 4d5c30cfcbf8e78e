"""Responses that show people their own events."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from accounts.actors.devices import UNKNOWN
from accounts.events.models import Event, EventName

SIGNED_IN = {
    "id": 42,
    "name": "signin_succeeded",
    "created_at": "2026-01-02T03:04:05.678901Z",
    "session_id": "15811b57-a172-47dc-99ba-0896ae884b36",
    "ip_address": "192.0.2.7",
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "device": "Firefox on Linux",
    "details": {},
}
FOR_STAFF_ONLY = {"reason"}


class EventSerializer(serializers.Serializer[Event]):
    """An event; those of staff omit the IP address and the device, so that staff stay anonymous."""

    id = serializers.IntegerField()
    name = serializers.ChoiceField(EventName.values)
    created_at = serializers.DateTimeField()
    session_id = serializers.UUIDField(allow_null=True, help_text="The session of the event.")
    ip_address = serializers.CharField(allow_null=True)
    user_agent = serializers.CharField()
    device = serializers.CharField(help_text="Like Firefox on Linux.")
    details = serializers.SerializerMethodField(help_text="A few plain values; see docs/events.md.")

    def to_representation(self, event: Event) -> dict[str, Any]:
        if event.staff_id is not None:
            event.ip_address, event.user_agent, event.device = None, "", UNKNOWN
        return super().to_representation(event)

    def get_details(self, event: Event) -> dict[str, Any]:
        return {key: event.details[key] for key in event.details if key not in FOR_STAFF_ONLY}


class PageSerializer(serializers.Serializer[Any]):
    limit = serializers.IntegerField(
        default=20, min_value=1, max_value=100, help_text="How many events to return at most."
    )
    offset = serializers.IntegerField(
        default=0, min_value=0, max_value=1_000_000, help_text="How many of the newest to skip."
    )


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A sign-in",
            {"items": [SIGNED_IN], "total": 1, "limit": 20, "offset": 0},
            response_only=True,
        )
    ]
)
class EventsSerializer(serializers.Serializer[Any]):
    items = EventSerializer(many=True)
    total = serializers.IntegerField(help_text="How many events the account has.")
    limit = serializers.IntegerField()
    offset = serializers.IntegerField()
