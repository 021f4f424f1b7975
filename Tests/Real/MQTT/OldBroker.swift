import CLinux
import Glibc
import LinuxIO
import Metering
import Testing

/// Stands before a real broker as one that speaks MQTT 3.1.1 only: it refuses each greeting of another version as such a broker does.
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

    /// Serves one client after the other until the task is cancelled; says which versions they greeted in.
    func serve(_ loop: EventLoop) async -> [UInt8] {
        var versions: [UInt8] = []
        while await loop.wait(readable: listener, until: nil) == .ready {
            // A connection that the next broker inherited would not be closed when it is closed here.
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

    /// A restart is not over when the client is back: no answer is not "this version is not spoken".
    private func brokerBehind(_ loop: EventLoop) async -> Int32? {
        while !Task.isCancelled {
            if let server = connected(to: behind) { return server }
            await loop.sleep(until: loop.now + .milliseconds(20))
        }
        return nil
    }

    /// Until one of them hangs up.
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
