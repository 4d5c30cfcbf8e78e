"""Tell the hashing pool which network a request comes from."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.actors import ip_addresses
from accounts.users.hashing_pool import Requester, requester


class HashingMiddleware:
    # The network is only found out for requests that hash, which are few.

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        token = requester.set(
            Requester(lambda: ip_addresses.network(ip_addresses.client_address(request)))
        )
        try:
            return self.get_response(request)
        finally:
            requester.reset(token)
