"""The words of every mail."""

from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation

from accounts.links.models import Purpose


def address(purpose: Purpose, token: str) -> str:
    """Return the address of a link.

    It never depends on a request. The token is in the fragment, which a browser sends to nobody:
    neither to us, nor to a proxy's log, nor as a referrer.
    """
    return f"{settings.LINK_URL}/{purpose.value}#token={token}"


def mail(template: str, language: str, to: str, **context: Any) -> EmailMultiAlternatives:
    """Return the mail: the template's first line is the subject, the rest its text."""
    with translation.override(language):
        words = render_to_string(
            f"mails/{template}.txt", {"site_name": settings.SITE_NAME, **context}
        )
    subject, text = (part.strip() for part in words.strip().split("\n", 1))
    message = EmailMultiAlternatives(subject, text + "\n", to=[to])
    page = {"subject": subject, "language": language, **around(context.get("url"), text)}
    message.attach_alternative(render_to_string("mails/mail.html", page), "text/html")
    return message


def around(url: str | None, text: str) -> dict[str, str]:
    """Return the text before our link, the link and the text after it.

    The HTML is the same text, and this link is all that can be clicked in it: nothing remote,
    nothing counted, and no link to what somebody made up as a new address, say.
    """
    before, link, after = text.partition(url) if url else (text, "", "")
    return {"before": before.strip(), "link": link, "after": after.strip()}
