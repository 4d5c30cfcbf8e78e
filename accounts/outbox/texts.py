"""The texts of mails."""

import re
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.actors import devices, ip_addresses
from accounts.links.models import Purpose


def link_url(purpose: Purpose, token: str) -> str:
    """Return the URL of a link, which depends on no request."""
    # The token is in the fragment, which a browser does not send: it reaches neither our server,
    # nor a proxy's log, nor another site as a referrer.
    return f"{settings.LINK_URL}/{purpose.value}#token={token}"


def mail(template: str, language: str, to: str, **context: Any) -> EmailMultiAlternatives:
    """Return a mail: the template's first line is the subject, the rest is the text."""
    with translation.override(language):
        known = {**context, **safe_values(**context), "to": to, "site_name": settings.SITE_NAME}
        words = render_to_string(f"outbox/{template}.txt", known)
    subject, text = (part.strip() for part in words.strip().split("\n", 1))
    message = EmailMultiAlternatives(subject, text + "\n", to=[to])
    page = {"subject": subject, "language": language, **split_at_link(context.get("url"), text)}
    message.attach_alternative(render_to_string("outbox/mail.html", page), "text/html")
    return message


def safe_values(
    ip_address: str | None = None, device: str = "", email: str = "", **_others: Any
) -> dict[str, str]:
    """Return IP address, device and a hint of an email address, in our own words."""
    # A caller, or a task of an earlier version, may hold text that a stranger chose: none of it may
    # get into a mail. The hint is the first letters of an email address, for people who know it.
    local, _at, domain = email.rpartition("@")
    return {
        "ip_address": str(ip_addresses.parse(ip_address or "") or _("an unknown address")),
        "device": in_words(device),
        "hint": "@".join(f"{re.sub('[^a-z0-9]', '', part[:1])}…" for part in (local, domain)),
    }


def in_words(device: str) -> str:
    """Return the device's name in the language of the mail, if it is one of ours."""
    browser, system = devices.parts(device) or ("", "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("an unknown device")


def split_at_link(url: str | None, text: str) -> dict[str, str]:
    """Return the text before our link, the link, and the text after it."""
    # Nothing else in the HTML can be clicked: no remote content, no tracking, and no link to a
    # domain that someone gave as their new email address.
    before, link, after = text.partition(url) if url else (text, "", "")
    return {"before": before.strip(), "link": link, "after": after.strip()}
