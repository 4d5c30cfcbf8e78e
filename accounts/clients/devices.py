"""What a person calls a device."""

import ua_parser


def device(user_agent: str) -> str:
    """Return a name like "Firefox on Linux", as much of it as the user agent tells."""
    browser = ua_parser.parse_user_agent(user_agent)
    system = ua_parser.parse_os(user_agent)
    names = [part.family for part in (browser, system) if part]
    return " on ".join(names) or "Unknown device"
