"""Remember who asks, for the turns in which passwords are hashed."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.actors import ip_addresses
from accounts.users.hashing_pool import Asker, asker


class HashingMiddleware:
    """Tell the hashing pool of whose network a request is, if it hashes: few do."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        token = asker.set(Asker(lambda: ip_addresses.network(ip_addresses.client_address(request))))
        try:
            return self.get_response(request)
        finally:
            asker.reset(token)
