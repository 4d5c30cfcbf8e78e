"""Names of devices, built only from our own words."""

from functools import cache, lru_cache

from ua_parser import Parser
from ua_parser.loaders import load_lazy_builtins
from ua_parser.regex import Resolver

UNKNOWN = "Unknown device"
LONGEST_USER_AGENT = 200  # The rest identifies no browser that we know, and takes time to parse.
# A stranger can put any words into a user agent, and our mails would repeat them. So only these
# names are used, each as the patterns of ua-parser spell it.
BROWSERS = frozenset({
    "Amazon Silk", "Android", "Apple Mail", "Baidu Browser", "BlackBerry WebKit", "Brave",
    "Chrome", "Chrome Mobile", "Chrome Mobile WebView", "Chrome Mobile iOS", "Chromium", "Coc Coc",
    "DuckDuckGo", "DuckDuckGo Mobile", "Ecosia Android", "Ecosia iOS", "Edge", "Edge Mobile",
    "Electron", "Epiphany", "Facebook", "Facebook Messenger", "Firefox", "Firefox Mobile",
    "Firefox iOS", "Go-http-client", "Google", "HeadlessChrome", "Huawei Browser", "IE",
    "IE Mobile", "Instagram", "K-Meleon", "KakaoTalk", "Konqueror", "LINE", "LinkedIn", "Maxthon",
    "Microsoft Teams", "MiuiBrowser", "Mobile Safari", "Mobile Safari UI/WKWebView",
    "Oculus Browser", "Opera", "Opera GX", "Opera Mini", "Opera Mobile", "Opera Touch", "Outlook",
    "Pale Moon", "PhantomJS", "Pinterest", "Puffin", "Python Requests", "Python aiohttp",
    "QQ Browser", "QQ Browser Mobile", "Quark", "Safari", "Sailfish Browser", "Samsung Internet",
    "SeaMonkey", "Skype", "Slack Desktop Client", "Snapchat", "Sogou Explorer", "Telegram",
    "Thunderbird", "TikTok", "Tizen Browser", "Twitter", "UC Browser", "Vivaldi", "WeChat Browser",
    "Weibo", "Wget", "Whale", "Yandex Browser", "curl", "okhttp",
})  # fmt: skip
SYSTEMS = frozenset({
    "ATV OS X", "Android", "Arch Linux", "BlackBerry OS", "CentOS", "Chrome OS", "Debian",
    "Fedora", "FreeBSD", "Gentoo", "HarmonyOS", "KaiOS", "Linux", "Linux Mint", "Mac OS",
    "Mac OS X", "NetBSD", "OpenBSD", "Red Hat", "Solaris", "Tizen", "Ubuntu", "WatchOS", "Windows",
    "Windows Mobile", "Windows Phone", "iOS", "tvOS", "webOS",
})  # fmt: skip


@cache
def parser() -> Parser:
    # Without the patterns for models of devices: they take half of its memory.
    browsers, systems, _ = load_lazy_builtins()
    return Parser(Resolver((browsers, systems, [])))


def device(user_agent: str) -> str:
    """Return a name like "Firefox on Linux", or only its known part, to store in a row."""
    return name(user_agent[:LONGEST_USER_AGENT])


@lru_cache(maxsize=1000)
def name(user_agent: str) -> str:
    browser, system = parser().parse_user_agent(user_agent), parser().parse_os(user_agent)
    names = [
        part.family
        for part, known in ((browser, BROWSERS), (system, SYSTEMS))
        if part and part.family in known
    ]
    return " on ".join(names) or UNKNOWN


def parts(name: str) -> tuple[str, str] | None:
    """Split a name into browser and system, either of which may be "".

    Return None for an unknown device and for any name that is not one of ours.
    """
    browser, on, system = name.partition(" on ")
    if not on and browser in SYSTEMS:
        browser, system = "", browser
    if not (browser or system) or not {browser, system} <= BROWSERS | SYSTEMS | {""}:
        return None
    return browser, system
