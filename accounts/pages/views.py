"""Pages for the links in mails, for a team that has no frontend."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.translation import gettext
from django.views.generic import FormView
from rest_framework.exceptions import APIException

from accounts.clients.client import Client
from accounts.errors import Overloaded, TooManyAttempts
from accounts.pages.forms import FORMS, PageForm


class PageView(FormView[PageForm]):
    """One page for each kind of link, in the language that the person likes best.

    Nothing happens before the form is sent: programs that look at mail open every link.
    """

    template_name = "pages/page.html"
    http_method_names = ["get", "head", "post"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.client = Client.of(request)
        if settings.FRONTEND_URL or kwargs["name"] not in FORMS:
            raise Http404
        with translation.override(self.client.language):
            response: Any = super().dispatch(request, *args, **kwargs)
            if hasattr(response, "render"):
                response.render()  # While its language is active.
        response.headers["Cache-Control"] = "no-store"
        return response  # type: ignore[no-any-return]

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "label_suffix": ""}

    def get_form_class(self) -> type[PageForm]:
        return FORMS[self.kwargs["name"]]

    def form_valid(self, form: PageForm) -> HttpResponse:
        try:
            done = form.act(self.client)
        except (TooManyAttempts, Overloaded) as error:
            form.add_error(None, gettext(str(error.detail)))
            response = self.form_invalid(form, error.status_code)
            response.headers["Retry-After"] = str(error.wait)
            return response
        except APIException as error:
            self.explain(form, error)
            return self.form_invalid(form)
        return self.render_to_response(self.get_context_data(form=form, done=done))

    def form_invalid(self, form: PageForm, status: int = 400) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=status)

    def explain(self, form: PageForm, error: APIException) -> None:
        """Put the error's sentences beside their fields; those about the link stand above.

        Then the script shows the field with its code, which may have been cut.
        """
        details: Any = error.detail
        if "token" in details:
            form.fields["token"].widget.attrs["aria-invalid"] = "true"
        for attr, sentences in details.items():
            field = attr if attr in form.fields and attr != "token" else None
            for sentence in sentences:
                form.add_error(field, gettext(str(sentence)))
