"""The environment of Home Assistant in the tests: a broker, jouled, and controllable meters. Standard library only."""

import json
import os
import pty
import select
import signal
import struct
import subprocess
import threading
import time
import tty

from home_assistant import free_port, wait_until


# In a separate session: the kernel hangs up the process group of a stopped process when others of the group end.
QUIET = {"stdin": subprocess.DEVNULL, "start_new_session": True}


class Broker:
    def __init__(self, folder, remembers):
        self.port = free_port()
        self.process = None
        os.makedirs(folder, mode=0o777)
        os.chmod(folder, 0o777)
        # Anonymous clients are accepted; clients with a user name need the password.
        passwords = os.path.join(folder, "passwords")
        subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "jouled", "secret"], check=True, capture_output=True)
        os.chmod(passwords, 0o644)
        self.file = os.path.join(folder, "mosquitto.conf")
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence {'true' if remembers else 'false'}\n")
            file.write(f"persistence_location {folder}/\npassword_file {passwords}\nlog_dest none\n")

    def start(self):
        self.process = subprocess.Popen(["mosquitto", "-c", self.file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **QUIET)
        wait_until(lambda: not self.run("mosquitto_pub", "-t", "lab", "-m", "1").returncode, 10)

    def stop(self, kind=signal.SIGTERM):
        self.process.send_signal(kind)
        self.process.wait()

    def run(self, program, *arguments):
        command = [program, "-h", "127.0.0.1", "-p", str(self.port), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    def publish(self, topic, payload, retain=False):
        self.run("mosquitto_pub", "-t", topic, "-m", payload, *(["-r"] if retain else []))

    def retained(self, *filters):
        """Each topic that matches the filters, with its payload."""
        options = [option for text in filters for option in ("-t", text)]
        said = self.run("mosquitto_sub", *options, "-F", "%t\t%p", "--retained-only", "-W", "1").stdout
        return dict(line.split("\t", 1) for line in said.splitlines() if "\t" in line)


class Jouled:
    def __init__(self, binary, folder, lines):
        self.binary = binary
        self.file = os.path.join(folder, "config.toml")
        self.said = os.path.join(folder, "jouled.log")
        self.lines = lines
        self.process = None

    def configure(self, text):
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(text)

    def start(self):
        environment = dict(os.environ, LD_PRELOAD=self.lines)
        with open(self.said, "ab") as output:
            command = [self.binary, "run", "-c", self.file]
            self.process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, **QUIET)

    def stop(self, kind=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(kind)
            self.process.wait(15)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def log(self):
        with open(self.said, encoding="utf-8", errors="replace") as file:
            return file.read()


class Simulator:
    """One of jouled's own virtual meters."""

    def __init__(self, binary, kind, link, *options):
        self.command = [binary, "simulate", kind, "--link", link, *options]
        self.link = link
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **QUIET)
        wait_until(lambda: os.path.exists(self.link), 10)

    def end(self):
        if self.process and self.process.poll() is None:
            self.plug()
            self.process.terminate()
            self.process.wait()

    # The head falls off; the meter keeps its count.

    def unplug(self):
        self.process.send_signal(signal.SIGSTOP)

    def plug(self):
        self.process.send_signal(signal.SIGCONT)


def crc16(data):
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


class P1Meter:
    """A P1 port that sends the given values every second, in Wh, W and litres."""

    def __init__(self, link, serial="1234567890"):
        self.link = link
        self.serial = serial
        self.imported, self.exported, self.gas, self.watts = 12_345_678, 4_321_000, 981_443, 500
        self.glitch = None
        self.running = None

    def telegram(self):
        imported, exported, gas = self.imported, self.exported, self.gas
        if self.glitch == "zero":
            imported = exported = gas = 0
        elif self.glitch == "back":
            imported, exported, gas = imported - 1000, exported - 1000, gas - 100
        elif self.glitch == "jump":
            imported, exported, gas = imported * 10, exported * 10, gas * 10
        octets = "".join(f"{ord(letter):02x}" for letter in self.serial)
        stamp = time.strftime("%y%m%d%H%M00W")
        kilo = lambda number, digits: f"{number // 1000:0{digits}d}.{number % 1000:03d}"
        lines = [
            "/LAB5\\2P1-0001", "", "1-3:0.2.8(50)", f"0-0:96.1.1({octets})", f"1-0:1.8.1({kilo(imported, 6)}*kWh)",
            "1-0:1.8.2(000000.000*kWh)", f"1-0:2.8.1({kilo(exported, 6)}*kWh)", "1-0:2.8.2(000000.000*kWh)", "0-0:96.14.0(0001)",
            f"1-0:1.7.0({kilo(max(self.watts, 0), 2)}*kW)", f"1-0:2.7.0({kilo(max(-self.watts, 0), 2)}*kW)",
            "1-0:32.7.0(230.1*V)", "1-0:31.7.0(002*A)", "0-1:24.1.0(003)", "0-1:96.1.0(4731)", f"0-1:24.2.1({stamp})({kilo(gas, 5)}*m3)",
            "!",
        ]  # fmt: skip
        body = "\r\n".join(lines).encode()
        if self.glitch == "corrupt":
            damaged = body.replace(b"1-0:1.8.1(0", b"1-0:1.8.1(9")
            return damaged + f"{crc16(body):04X}\r\n".encode()
        return body + f"{crc16(body):04X}\r\n".encode()

    def plug(self):
        master, slave = pty.openpty()
        tty.setraw(slave)
        if os.path.lexists(self.link):
            os.unlink(self.link)
        os.symlink(os.ttyname(slave), self.link)
        self.running = threading.Event()
        threading.Thread(target=self.speak, args=(master, slave, self.running), daemon=True).start()

    def unplug(self):
        self.running.set()
        os.unlink(self.link)

    def speak(self, master, slave, over):
        while not over.wait(1):
            data = self.telegram()
            # Data that is not read is lost, as on a serial line.
            while data and select.select([], [master], [], 0)[1]:
                data = data[os.write(master, data[:256]) :]
            while select.select([master], [], [], 0)[0]:
                os.read(master, 4096)
        os.close(slave)
        os.close(master)


class PulseLine:
    """An S0 output at a line of the virtual chip: pulls the line low for 40 ms."""

    EVENT = struct.Struct("<QIxxxx")
    RISING, FALLING = 1, 2

    def __init__(self, chip, offset):
        self.path = os.path.join(chip, str(offset))
        os.makedirs(chip, exist_ok=True)
        os.mkfifo(self.path)
        self.given = 0

    def pulse(self, count=1, spacing=0.1):
        descriptor = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)
        for _ in range(count):
            os.write(descriptor, self.EVENT.pack(time.monotonic_ns(), self.FALLING))
            time.sleep(0.04)
            os.write(descriptor, self.EVENT.pack(time.monotonic_ns(), self.RISING))
            time.sleep(spacing - 0.04)
            self.given += 1
        os.close(descriptor)


class Announcements:
    """The content of the retained discovery messages."""

    def __init__(self, messages):
        self.topics = set(messages)
        self.components = {}
        for topic, payload in messages.items():
            parts = topic.split("/")
            if parts[-1] != "config" or not payload:
                continue
            config = json.loads(payload)
            if parts[1] == "device":
                shared = {key: value for key, value in config.items() if key != "components"}
                for key, component in config["components"].items():
                    self.add(component["platform"], {**shared, **component, "key": key})
            else:
                self.add(parts[1], {**config, "key": parts[-2]})

    def add(self, platform, component):
        self.components[(platform, component["unique_id"])] = component

    def enabled(self):
        return {name: component for name, component in self.components.items() if component.get("enabled_by_default", True)}
