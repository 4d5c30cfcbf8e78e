import jwt
from django.conf import settings
from django.http import HttpRequest, JsonResponse

from bench.peers.people.models import User


def me(request: HttpRequest) -> JsonResponse:
    """Return the user of the access token: one signature and one query."""
    token = request.headers["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, settings.SECRET_KEY, algorithms=["HS256"])
    user = User.objects.get(pk=claims["sub"])
    return JsonResponse(
        {
            "id": user.pk,
            "email": user.email,
            "full_name": user.full_name,
            "is_active": user.is_active,
            "email_verified": user.email_verified,
            "created_at": user.created_at,
            "updated_at": user.updated_at,
        }
    )
