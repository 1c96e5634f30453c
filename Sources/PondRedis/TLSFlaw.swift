// What BoringSSL calls a failure, in words that say whose mistake it is and which option mends it.

/// The sentences for failures of TLS.
package enum TLSFlaw {
    /// By a part of BoringSSL's text; the first that is found counts.
    private static let sentences: [(part: String, sentence: String)] = [
        (
            "CERTIFICATE_VERIFY_FAILED",
            "the server's certificate is signed by no authority that is trusted here, or is out of date; "
                + "name the authority's file with ca="
        ),
        (
            "CERTIFICATE_REQUIRED",
            "the server wants a certificate of this client; name it with cert= and its private key with key="
        ),
        (
            "ALERT_HANDSHAKE_FAILURE",
            "the server found nothing that both can do; if it wants a certificate of this client, name it with cert= "
                + "and its private key with key="
        ),
        ("ALERT_UNKNOWN_CA", "the server does not trust the authority of this client's certificate (cert=)"),
        ("ALERT_CERTIFICATE_EXPIRED", "this client's certificate (cert=) is out of date"),
        ("ALERT_CERTIFICATE_REVOKED", "this client's certificate (cert=) was revoked"),
        ("ALERT_BAD_CERTIFICATE", "the server refuses this client's certificate (cert=)"),
        ("ALERT_UNSUPPORTED_CERTIFICATE", "the server cannot use this client's certificate (cert=)"),
        ("ALERT_PROTOCOL_VERSION", "the server offers no TLS version from 1.2 on"),
        ("WRONG_VERSION_NUMBER", "the port does not speak TLS; write redis:// instead of rediss://"),
        (
            "failedToValidateHostname",
            "the server's certificate is for another name than the one in the URL; name it with servername="
        ),
    ]

    /// What the failure means; nil for one that is not known.
    package static func sentence(of text: String) -> String? {
        sentences.first { text.contains($0.part) }.map(\.sentence)
    }
}
