"""TLS to a resolver or a registry: contexts that verify, and errors in words."""

import ssl
import time

from scanner.errors import ScanError

YEAR_2000 = 946_684_800  # s since the epoch; no certificate is valid for a clock before it


def tls_error_text(error: ssl.SSLError) -> str:
    """What is wrong with the certificate, in OpenSSL's words; its code for anything else."""
    wrong = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else ""
    return wrong or error.reason or "TLS failed"


def tls_context() -> ssl.SSLContext:
    """One context for all tls:// resolvers: ALPN `dot`. Raises ScanError."""
    context = verifying_context("tls://")
    context.set_alpn_protocols(["dot"])
    return context


def verifying_context(what: str, ca_file: str | None = None) -> ssl.SSLContext:
    """A context that verifies against the system's CAs and those of `ca_file`; `what` needs it. Raises ScanError."""
    if time.time() < YEAR_2000:
        raise ScanError(f"the system clock says {time.strftime('%Y-%m-%d')}: TLS needs the right date")
    context = ssl.create_default_context()
    try:
        if ca_file is not None:
            context.load_verify_locations(ca_file)
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        raise ScanError(f"{ca_file}: no CA certificates (PEM) can be read from it") from None
    if not context.cert_store_stats()["x509_ca"] and not ssl.get_default_verify_paths().capath:
        raise ScanError(f"no CA certificates found for {what}: install ca-certificates or set SSL_CERT_FILE")
    return context
