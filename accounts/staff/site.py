"""The site of the admin; staff sign in to it with the checks and limits of the API."""

from functools import partial
from http import HTTPStatus
from math import ceil
from typing import Any, cast

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.views import PasswordChangeView
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from accounts.actors.actor import Actor
from accounts.auth import flows
from accounts.errors import AccountInactive, InvalidCredentials, TooManyAttempts
from accounts.events.models import Event, EventName
from accounts.sessions import flows as sessions
from accounts.staff.passwords import OwnPasswordForm
from accounts.users.models import User


class SigninForm(AdminAuthenticationForm):
    def clean(self) -> dict[str, Any]:
        """Check the credentials under the same limits as the API. Raises TooManyAttempts."""
        email, password = (self.cleaned_data.get(name) for name in ("username", "password"))
        if email and password:
            try:
                user = flows.signin_staff(email, password, self.actor)
            except (InvalidCredentials, AccountInactive) as error:
                raise self.get_invalid_login_error() from error
            user.backend = "django.contrib.auth.backends.AllowAllUsersModelBackend"
            self.user_cache = user
        return self.cleaned_data

    @property
    def actor(self) -> Actor:
        return Actor.from_request(self.request) if self.request else Actor()


class AdminSite(admin.AdminSite):
    site_header = site_title = f"{settings.SITE_NAME} accounts"
    login_form = SigninForm

    def get_urls(self) -> list[Any]:
        # Without "view on site": no object here has a page outside of the admin.
        return [url for url in super().get_urls() if getattr(url, "name", None) != "view_on_site"]

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Answer with the form, or, at a limit, with a page that asks to wait."""
        before = request.session.session_key
        try:
            response = super().login(request, extra_context)
        except TooManyAttempts as error:
            return self.wait(request, error)
        if is_done(request, response):
            if request.session.session_key == before:
                request.session.cycle_key()  # Django keeps the key if the user is the same.
            request.session.set_expiry(None)  # An earlier sign-in's session may end sooner.
            return self.store_session(request, response)
        return response

    def store_session(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Store the session, or redirect to the form if the user may no longer sign in."""
        try:
            sessions.store_admin_session(cast("User", request.user), request.session)
        except InvalidCredentials:
            request.session.flush()
            return HttpResponseRedirect(reverse("admin:login", current_app=self.name))
        return response

    def logout(self, request: HttpRequest, extra_context: Any = None) -> Any:
        with transaction.atomic():
            if request.method == "POST" and request.user.is_authenticated:
                actor = Actor.from_request(request)
                Event.objects.record(EventName.SIGNOUT, actor, request.user.pk, admin=True)
            return super().logout(request, extra_context)

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Answer with the form for one's own password, or with a page that asks to wait."""
        view = PasswordChangeView.as_view(
            form_class=partial(OwnPasswordForm, actor=Actor.from_request(request)),
            success_url=reverse("admin:password_change_done", current_app=self.name),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        try:
            response: Any = view(request)
        except TooManyAttempts as error:
            return self.wait(request, error)
        return self.store_session(request, response) if is_done(request, response) else response

    def wait(self, request: HttpRequest, error: TooManyAttempts) -> HttpResponse:
        minutes = ceil(error.wait / 60)
        context = {**self.each_context(request), "title": error.detail, "minutes": minutes}
        context["is_nav_sidebar_enabled"] = False  # It is empty for people who are not signed in.
        page = TemplateResponse(request, "staff/too_many_attempts.html", context, status=429)
        page.headers["Retry-After"] = str(error.wait)
        return page


def is_done(request: HttpRequest, response: HttpResponse) -> bool:
    """Return whether the request posted a form that was accepted."""
    return request.method == "POST" and response.status_code == HTTPStatus.FOUND
