"""The words of every mail."""

from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation

from accounts.mails.models import Purpose


def address(purpose: Purpose, token: str) -> str:
    """Return the address of a link.

    It never depends on a request. The token is in the fragment, which a browser sends to nobody:
    neither to us, nor to a proxy's log, nor as a referrer.
    """
    return f"{settings.LINK_URL}/{purpose.value}#token={token}"


def mail(template: str, language: str, to: str, **context: Any) -> EmailMultiAlternatives:
    """Return the mail: the template's first line is the subject, the rest its text.

    The HTML is the same text with its links made clickable: nothing remote, nothing counted.
    """
    with translation.override(language):
        words = render_to_string(f"mails/{template}.txt", context)
        subject, _, text = words.strip().partition("\n")
        html = render_to_string(
            "mails/mail.html",
            {"subject": subject, "text": text.strip(), "language": language},
        )
    message = EmailMultiAlternatives(subject.strip(), text.strip() + "\n", to=[to])
    message.attach_alternative(html, "text/html")
    return message
