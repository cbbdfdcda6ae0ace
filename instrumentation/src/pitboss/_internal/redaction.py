"""Takes secrets out of query strings: browsers and providers put tokens where they don't belong."""

import re
from urllib.parse import unquote_plus

from opentelemetry.sdk.trace import Span, SpanProcessor

from pitboss._internal.guard import guarded

# What the semantic conventions put in place of a value: https://opentelemetry.io/docs/specs/semconv/registry/attributes/url/
REDACTED = "REDACTED"

# `sid` opens an engine.io session to whoever knows it.
_NAMES = re.compile(
    r"sid|code|jwt|sig|.*(token|secret|passw|auth|session|signature|credential|api.?key|access.?key).*",
    re.IGNORECASE,
)
_JWT = re.compile(r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]*")
_URLS = ("url.full", "http.url", "http.target")
_QUERIES = ("url.query",)


def redacted_query(query: str) -> str:
    """Return a query string whose secret parameters (by name, or a JWT by shape) have lost their values."""
    return "&".join(_redacted_parameter(part) for part in query.split("&"))


def redacted_url(url: str) -> str:
    """Return a URL, or a path, with its query redacted."""
    path, mark, query = url.partition("?")
    return f"{path}?{redacted_query(query)}" if mark else url


def _redacted_parameter(parameter: str) -> str:
    name, mark, value = parameter.partition("=")
    if mark and _NAMES.fullmatch(unquote_plus(name)):
        return f"{name}={REDACTED}"
    return f"{name}{mark}{_JWT.sub(REDACTED, value)}"


class RedactingProcessor(SpanProcessor):
    """Redacts the URLs of a span when it ends, whichever instrumentation has set them."""

    def _on_ending(self, span: Span) -> None:
        attributes = span.attributes or {}
        with guarded("redacting a url"):
            for names, redact in ((_URLS, redacted_url), (_QUERIES, redacted_query)):
                for name in names:
                    value = attributes.get(name)
                    if isinstance(value, str) and (changed := redact(value)) != value:
                        # Past `set_attribute`: to everybody else the span has ended.
                        span._attributes._dict[name] = changed  # pyright: ignore
