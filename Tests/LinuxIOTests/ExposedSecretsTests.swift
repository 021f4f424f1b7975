import Configuration
import Glibc
import LinuxIO
import MeterDaemon
import Testing

@Suite struct ExposedSecretsTests {
    private func configuration(_ files: String...) -> Configuration {
        var configuration = Configuration()
        configuration.secretFiles = files
        return configuration
    }

    @Test func whatOthersCanReadIsSaid() throws {
        let directory = try makeTemporaryDirectory("jouled-secret")
        defer { removeDirectory(directory) }
        let file = directory + "/password"
        close(open(file, O_WRONLY | O_CREAT, 0o600))
        func warnings(_ mode: mode_t) -> [String] {
            chmod(file, mode)
            return exposedSecrets(of: configuration(file, directory + "/missing"))
        }
        #expect(warnings(0o644) == [], "nobody else can enter the directory")
        chmod(directory, 0o755)
        #expect(warnings(0o640) == [])
        #expect(warnings(0o660) == [])
        let readable = try #require(warnings(0o644).first)
        #expect(readable.hasPrefix("\(file) holds a password or key, and every user of this machine can read it: "))
        #expect(readable.hasSuffix("chmod 640 \(file)"))
        #expect(warnings(0o646).first?.contains("every user of this machine can change it") == true)
    }
}
