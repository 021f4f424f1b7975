/// What the reader asks the machine, so that it stays pure.
package struct ConfigurationEnvironment: Sendable {
    package enum Secret: Sendable, Equatable {
        case text(String)
        case missing
        /// Why not, in words.
        case unreadable(String)
    }

    package var hostName: String
    /// What tells this machine from another of the same name, in a few letters; empty where nothing does.
    package var machine: String
    /// Where systemd puts the credentials of the unit.
    package var credentialsDirectory: String?
    package var readSecret: @Sendable (_ path: String) -> Secret
    /// Why the file can't be read; `nil` when it can.
    package var obstacle: @Sendable (_ path: String) -> String?

    package init(
        hostName: String, machine: String = "", credentialsDirectory: String? = nil,
        readSecret: @escaping @Sendable (_ path: String) -> Secret,
        obstacle: @escaping @Sendable (_ path: String) -> String?
    ) {
        self.hostName = hostName
        self.machine = machine
        self.credentialsDirectory = credentialsDirectory
        self.readSecret = readSecret
        self.obstacle = obstacle
    }
}
