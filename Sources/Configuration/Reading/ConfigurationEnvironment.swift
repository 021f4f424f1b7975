/// Everything that the configuration reader needs from the machine, passed in so that the reader stays pure.
package struct ConfigurationEnvironment: Sendable {
    package enum Secret: Sendable, Equatable {
        case text(String)
        case missing
        /// The file can't be read, for the reason given in words.
        case unreadable(String)
    }

    package var hostName: String
    /// A few letters that distinguish this machine from another one with the same name; empty if none are available.
    package var machine: String
    /// The directory that holds the unit's systemd credentials.
    package var credentialsDirectory: String?
    package var readSecret: @Sendable (_ path: String) -> Secret
    /// Why the file can't be read; `nil` if it can.
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
