"""How staff come into the admin: through the same door as everybody else."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts.auth import flows
from accounts.errors import AccountInactive, InvalidCredentials, TooManyAttempts
from accounts.throttling.addresses import client_address


class SigninForm(AdminAuthenticationForm):
    def clean(self) -> dict[str, Any]:
        """Look at the credentials under the same limits as the API. Raises TooManyAttempts."""
        email, password = (self.cleaned_data.get(name) for name in ("username", "password"))
        if email and password:
            try:
                user = flows.verify(email, password, ip_address=self.client_address())
            except (InvalidCredentials, AccountInactive) as error:
                raise self.get_invalid_login_error() from error
            self.confirm_login_allowed(user)
            user.backend = "django.contrib.auth.backends.AllowAllUsersModelBackend"
            self.user_cache = user
        return self.cleaned_data

    def client_address(self) -> str | None:
        return client_address(self.request) if self.request else None


class AdminSite(admin.AdminSite):
    site_header = site_title = "Lazy Rabbit accounts"
    login_form = SigninForm

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the form, or a page that says to wait."""
        try:
            return super().login(request, extra_context)
        except TooManyAttempts as error:
            context = {**self.each_context(request), "title": error.detail, "wait": error.wait}
            page = TemplateResponse(request, "auth/too_many_attempts.html", context, status=429)
            page.headers["Retry-After"] = str(error.wait)
            return page
