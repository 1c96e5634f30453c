extension RedisServer {
    /// Writes a fresh certificate authority and a server certificate for `localhost` into `directory`.
    static func makeCertificates(in directory: String) throws {
        let openssl = "/usr/bin/openssl"
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        try makeAuthority(in: directory, name: "ca")
        try Spawn.run(
            [openssl, "req", "-new", "-subj", "/CN=localhost"] + key
                + ["-keyout", "\(directory)/server.key", "-out", "\(directory)/server.csr"]
        )
        try FileBytes.write("subjectAltName=DNS:localhost\n", to: "\(directory)/server.ext")
        try Spawn.run(
            [openssl, "x509", "-req", "-in", "\(directory)/server.csr", "-CA", "\(directory)/ca.crt"]
                + ["-CAkey", "\(directory)/ca.key", "-CAcreateserial", "-days", "2"]
                + ["-extfile", "\(directory)/server.ext", "-out", "\(directory)/server.crt"]
        )
    }

    private static func makeAuthority(in directory: String, name: String) throws {
        try Spawn.run(
            ["/usr/bin/openssl", "req", "-x509", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
                + ["-nodes", "-days", "2", "-subj", "/CN=Millpond test \(name)"]
                + ["-keyout", "\(directory)/\(name).key", "-out", "\(directory)/\(name).crt"]
        )
    }

    /// Makes a certificate authority that signed nothing here, and gives the path of its certificate.
    public func makeStrangerAuthority() throws -> String {
        try Self.makeAuthority(in: directory, name: "stranger")
        return "\(directory)/stranger.crt"
    }
}
