import CLinux
import Glibc
import LinuxIO
import Metering
import Testing

/// A proxy in front of a real broker that accepts MQTT 3.1.1 only: it refuses other versions like an old broker.
final class OldBroker: Sendable {
    let port: Int
    private let listener: Int32
    private let behind: Int

    init(_ broker: RealBroker) throws {
        behind = broker.port
        port = try #require(freePort())
        listener = try #require(listen(on: port))
    }

    deinit { close(listener) }

    /// Serves one client after another until the task is cancelled; returns the protocol versions that they asked for.
    func serve(_ loop: EventLoop) async -> [UInt8] {
        var versions: [UInt8] = []
        while await loop.wait(readable: listener, until: nil) == .ready {
            // If a child process inherited the connection, closing it here would have no effect.
            let client = clinux_accept(listener)
            var greeting = [UInt8](repeating: 0, count: 512)
            guard await loop.wait(readable: client, until: nil) == .ready else {
                close(client)
                break
            }
            let count = read(client, &greeting, greeting.count)
            let version = count > 8 ? greeting[8] : 0
            versions.append(version)
            if version != 4 {
                _ = write(client, [0x20, 2, 0, 1] as [UInt8], 4)
            } else if let server = await brokerBehind(loop) {
                _ = write(server, greeting, count)
                await pass(client, server, loop)
                close(server)
            }
            close(client)
        }
        return versions
    }

    /// Waits until the broker has restarted: no answer must not be taken for an unsupported version.
    private func brokerBehind(_ loop: EventLoop) async -> Int32? {
        while !Task.isCancelled {
            if let server = connected(to: behind) { return server }
            await loop.sleep(until: loop.now + .milliseconds(20))
        }
        return nil
    }

    /// Forwards bytes until either end closes.
    private func pass(_ client: Int32, _ server: Int32, _ loop: EventLoop) async {
        await withTaskGroup(of: Void.self) { group in
            for (from, to) in [(client, server), (server, client)] {
                group.addTask {
                    var buffer = [UInt8](repeating: 0, count: 4096)
                    while await loop.wait(readable: from, until: nil) == .ready {
                        let count = read(from, &buffer, buffer.count)
                        guard count > 0, write(to, buffer, count) == count else { return }
                    }
                }
            }
            await group.next()
            group.cancelAll()
        }
    }
}
