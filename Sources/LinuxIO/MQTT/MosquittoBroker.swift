import Configuration
import MeterDaemon
import Metering
import Publishing

/// The MQTT broker by libmosquitto. Nothing here blocks: everything that may runs on the link's own thread.
package actor MosquittoBroker: MessageBroker {
    private nonisolated let loop: EventLoop
    private let link: MosquittoLink

    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    package init(_ settings: Configuration.MQTT, will: MQTTMessage?, loop: EventLoop) {
        self.loop = loop
        link = MosquittoLink(settings, will: will)
    }

    deinit { link.stop() }

    /// Of the thread that may wait for the broker.
    package nonisolated var heartbeat: Heartbeat { link.heartbeat }

    /// Once.
    package func connect() -> AsyncStream<BrokerEvent> { link.start() }

    package func publish(_ message: MQTTMessage) { link.publish(message) }

    package func subscribe(_ topic: String) { link.subscribe(topic) }

    package func unsubscribe(_ topic: String) { link.unsubscribe(topic) }

    package func disconnect(within seconds: Int) async {
        let deadline = loop.now + .seconds(seconds)
        link.expectEnd()
        await wait(until: deadline) { $0.hasDelivered }
        link.stop()
        await wait(until: deadline) { $0.hasEnded }
    }

    private func wait(until deadline: Instant, for condition: (MosquittoLink) -> Bool) async {
        while !condition(link) {
            guard await loop.wait(readable: link.bell.descriptor, until: deadline) == .ready else { return }
            link.bell.silence()
        }
    }
}
