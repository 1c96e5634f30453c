import PondCore

/// What every worker of a fleet runs.
package struct WorkerCommand: Sendable, Hashable {
    /// The program: a path when it contains a slash, else a name that is looked up in `PATH`.
    ///
    /// A relative path is resolved in ``workingDirectory``.
    package var executable: String
    /// The arguments after the program's name.
    package var arguments: [String]
    /// Variables that are set on top of the supervisor's own environment.
    package var environment: [String: String]
    /// Where the worker runs; the supervisor's own directory when nil.
    package var workingDirectory: String?
    /// Where workers tell what they count; nil when nobody wants to know.
    package var metrics: String?
    /// Variables by which a fleet says what the worker is for.
    var fleet: [String: String] = [:]

    package init(
        executable: String,
        arguments: [String] = [],
        environment: [String: String] = [:],
        workingDirectory: String? = nil
    ) {
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
        self.workingDirectory = workingDirectory
    }
}

/// How many workers there are, what they run, and how patient their supervisor is.
package struct FleetConfiguration: Sendable, Hashable {
    /// How many workers are kept alive: 1 to 512, and from 0 when ``workersMax`` allows another number later.
    package var workers: Int
    /// How many there may be after ``Supervisor/resize(to:running:)``; nil when the number is fixed.
    ///
    /// Defaults to fixed.
    package var workersMax: Int?
    /// What each worker runs.
    package var command: WorkerCommand
    /// How long a worker may drain between SIGTERM and the SIGKILL of its process group.
    ///
    /// Defaults to 30 seconds.
    package var gracePeriod: Duration
    /// How long a worker may take to say that it is ready before that is reported.
    ///
    /// It is not killed for it, but a rolling restart gives up after four times as long. Defaults to 15 seconds.
    package var readyTimeout: Duration
    /// When a worker that ended is started again.
    package var restart: RestartPolicy.Configuration

    package init(
        workers: Int,
        workersMax: Int? = nil,
        command: WorkerCommand,
        gracePeriod: Duration = .seconds(30),
        readyTimeout: Duration = .seconds(15),
        restart: RestartPolicy.Configuration = .init()
    ) {
        self.workers = workers
        self.workersMax = workersMax
        self.command = command
        self.gracePeriod = gracePeriod
        self.readyTimeout = readyTimeout
        self.restart = restart
    }

    /// Checks every value against its bounds.
    ///
    /// - Throws: ``SupervisorError`` with code `invalidConfiguration` that names the value and its bounds.
    package func validate() throws {
        try require(
            SupervisorLimits.workers.contains(workers) || (workersMax != nil && workers == 0),
            "workers is \(workers), but a fleet has \(SupervisorLimits.workers.lowerBound) to "
                + "\(SupervisorLimits.workers.upperBound) workers; run several supervisors for more"
        )
        try require(
            workersMax.map { $0 >= workers && SupervisorLimits.workers.contains($0) } ?? true,
            "workersMax is \(workersMax ?? 0), but must be between workers (\(workers)) and "
                + "\(SupervisorLimits.workers.upperBound)"
        )
        try require(gracePeriod >= .zero, "gracePeriod is \(gracePeriod), but cannot be negative")
        try require(readyTimeout > .zero, "readyTimeout is \(readyTimeout), but must be positive")
        try validateCommand()
        try restart.validate()
    }

    private func validateCommand() throws {
        try require(!command.executable.isEmpty, "command.executable is empty; name the program that workers run")
        let texts = [command.executable, command.workingDirectory ?? ""] + command.arguments
        for text in texts + command.environment.flatMap({ [$0.key, $0.value] }) {
            try require(!text.utf8.contains(0), "the command holds a NUL byte in \(text.debugDescription)")
        }
        for name in command.environment.keys {
            try require(
                !name.isEmpty && !name.utf8.contains(UInt8(ascii: "=")) && !name.first!.isNumber,
                "\(name.debugDescription) cannot be the name of an environment variable"
            )
            try require(
                !WorkerEnvironment.reserved.contains(name),
                "the environment variable \(name) is set by the supervisor; leave it out"
            )
        }
    }

    private func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
        if !condition { throw SupervisorError(code: .invalidConfiguration, message: message()) }
    }
}
