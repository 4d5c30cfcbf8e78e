"""Pages for the links in mails, for a team that has no frontend."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.translation import gettext
from django.views.generic import FormView
from rest_framework.exceptions import APIException

from accounts.actors.actor import Actor
from accounts.errors import LinkNotValid, Overloaded, TooManyAttempts
from accounts.link_pages.forms import FORMS, LinkForm, PageForm


class PageView(FormView[PageForm]):
    """A page for each kind of link, in the person's preferred language."""

    # Opening a link only shows its account and changes nothing, because programs that scan mail
    # open every link, and some run scripts. The form on the opened page makes the change.
    template_name = "link_pages/page.html"
    http_method_names = ["get", "head", "post"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.actor = Actor.from_request(request)
        if settings.FRONTEND_URL or kwargs["name"] not in FORMS:
            raise Http404
        with translation.override(self.actor.language):
            response: Any = super().dispatch(request, *args, **kwargs)
            if hasattr(response, "render"):
                response.render()  # While its language is active.
        response.headers["Cache-Control"] = "no-store"
        return response  # type: ignore[no-any-return]

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "label_suffix": ""}

    def get_form_class(self) -> type[PageForm]:
        return FORMS[self.kwargs["name"]]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = self.get_form()
        if isinstance(form, LinkForm):
            if form.link is None:
                return self.refuse(form)
            if "open" in request.POST:
                return self.open(form)
        return self.form_valid(form) if form.is_valid() else self.form_invalid(form)

    def open(self, form: LinkForm) -> HttpResponse:
        """Show the empty form, with the account of the link."""
        fresh = type(form)(initial={"token": form.data["token"]}, label_suffix="")
        fresh.link = form.link
        return self.show(fresh)

    def refuse(self, form: LinkForm) -> HttpResponse:
        """Show that the link is invalid, or that it was used before."""
        form.link = None
        if done := form.already():
            return self.show(form, done=done)
        return self.show(form, status=400, refused=gettext(str(LinkNotValid.default_detail)))

    def show(self, form: PageForm, status: int = 200, **words: str) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form, **words), status=status)

    def form_valid(self, form: PageForm) -> HttpResponse:
        try:
            return self.show(form, done=form.act(self.actor))
        except (TooManyAttempts, Overloaded) as error:
            form.add_error(None, gettext(str(error.detail)))
            response = self.form_invalid(form, error.status_code)
            response.headers["Retry-After"] = str(error.wait)
            return response
        except LinkNotValid:  # Used or made void just now.
            return self.refuse(form)  # type: ignore[arg-type]
        except APIException as error:
            explain(form, error)
            return self.form_invalid(form)

    def form_invalid(self, form: PageForm, status: int = 400) -> HttpResponse:
        """Show the errors, and focus the first field that has one."""
        for name in form.fields:
            if name in form.errors:
                form.fields[name].widget.attrs["autofocus"] = True
                break
        return self.show(form, status)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(site_name=settings.SITE_NAME, **kwargs)
        form = context["form"]
        if isinstance(form, LinkForm):
            context["by_link"] = True
            if link := form.link:
                context |= {"about": form.about(link), "username": form.username(link)}
        return context


def explain(form: PageForm, error: APIException) -> None:
    """Add each sentence of the error to its field, or to the form if it has no such field."""
    details: Any = error.detail
    for attr, sentences in details.items():
        for sentence in sentences:
            form.add_error(attr if attr in form.fields else None, gettext(str(sentence)))
