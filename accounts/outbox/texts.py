"""The words of every mail."""

import re
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.actors import devices, ip_addresses
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
        known = {**context, **place(**context), "to": to, "site_name": settings.SITE_NAME}
        words = render_to_string(f"outbox/{template}.txt", known)
    subject, text = (part.strip() for part in words.strip().split("\n", 1))
    message = EmailMultiAlternatives(subject, text + "\n", to=[to])
    page = {"subject": subject, "language": language, **around(context.get("url"), text)}
    message.attach_alternative(render_to_string("outbox/mail.html", page), "text/html")
    return message


def place(
    ip_address: str | None = None, device: str = "", email: str = "", **_others: Any
) -> dict[str, str]:
    """Return where somebody acted from, and what was made an address, in words of ours.

    Whatever a caller, or a task that an earlier version queued, holds of a stranger's words ends
    here. Of a new address only the beginnings are a hint for people who know it, and no link.
    """
    local, _at, domain = email.rpartition("@")
    return {
        "ip_address": str(ip_addresses.parse(ip_address or "") or _("an unknown address")),
        "device": in_words(device),
        "hint": "@".join(f"{re.sub('[^a-z0-9]', '', part[:1])}…" for part in (local, domain)),
    }


def in_words(device: str) -> str:
    """Return the name of the device in the language of the mail, if the name is one of ours."""
    browser, system = devices.parts(device) or ("", "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("an unknown device")


def around(url: str | None, text: str) -> dict[str, str]:
    """Return the text before our link, the link and the text after it.

    The HTML is the same text, and this link is all that can be clicked in it: nothing remote,
    nothing counted, and no link to what somebody made up as a new address, say.
    """
    before, link, after = text.partition(url) if url else (text, "", "")
    return {"before": before.strip(), "link": link, "after": after.strip()}
