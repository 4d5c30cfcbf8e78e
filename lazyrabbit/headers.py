"""Security headers of every response; server.py sends them too, without Django."""

EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    # A page of another origin that CORS lets in may read the API all the same.
    "Cross-Origin-Resource-Policy": "same-origin",
}
API = {
    **EVERYWHERE,
    "Cache-Control": "no-store",  # Tokens and personal data (RFC 6749, section 5.1).
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
# The documentation, the admin and the pages of links: no inline script, no inline style, nothing
# of another host. The documentation draws its icons from data: and searches in a blob: worker.
PAGE = {
    **EVERYWHERE,
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " font-src 'self'; connect-src 'self'; worker-src blob:; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    ),
    # With no referrer at all a browser names no origin either, and the origin of forms is checked.
    "Referrer-Policy": "same-origin",
}
# ReDoc writes its style sheets by script: an empty one that it fills, and its scroll bars.
REDOC = {
    **PAGE,
    "Content-Security-Policy": PAGE["Content-Security-Policy"].replace(
        "style-src 'self'",
        "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
        " 'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='",
    ),
}


def headers_for(path: str) -> dict[str, str]:
    if path.startswith("/api/"):
        return API
    return REDOC if path.startswith("/redoc") else PAGE
