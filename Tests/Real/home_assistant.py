"""A Home Assistant instance for the tests: its process, its log, and its interfaces. Standard library only."""

import base64
import json
import os
import re
import shlex
import signal
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

CONFIGURATION = """
http:
  server_host: 127.0.0.1
  server_port: {port}
recorder:
  commit_interval: 1
history:
energy:
config:
api:
onboarding:
logger:
  default: warning
  logs:
    homeassistant.components.mqtt: info
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(question, seconds, every=0.25):
    """Returns the first true result, or the last one."""
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(every)


class Refused(Exception):
    pass


class Closed(Exception):
    pass


class WebSocket:
    """The part of RFC 6455 that a Home Assistant client needs."""

    def __init__(self, port, token):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /api/websocket HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self.reader = self.socket.makefile("rb")
        if b"101" not in self.reader.readline():
            raise Refused("no WebSocket")
        while self.reader.readline().strip():
            pass
        self.number = 0
        self.receive()
        self.send({"type": "auth", "access_token": token})
        answer = self.receive()
        if answer["type"] != "auth_ok":
            raise Refused(answer)

    def close(self):
        self.reader.close()
        self.socket.close()

    def send(self, message, opcode=1):
        data = json.dumps(message).encode() if opcode == 1 else message
        mask = os.urandom(4)
        head = bytes([0x80 | opcode])
        if len(data) < 126:
            head += bytes([0x80 | len(data)])
        elif len(data) < 65536:
            head += bytes([0x80 | 126]) + struct.pack(">H", len(data))
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", len(data))
        self.socket.sendall(head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(data)))

    def receive(self):
        data = b""
        while True:
            head = self.reader.read(2)
            if len(head) < 2:
                raise Closed()
            first, length = head
            if length == 126:
                (length,) = struct.unpack(">H", self.reader.read(2))
            elif length == 127:
                (length,) = struct.unpack(">Q", self.reader.read(8))
            part = self.reader.read(length)
            opcode = first & 0x0F
            if opcode == 8:
                raise Closed()
            if opcode == 9:
                self.send(part, opcode=10)
            elif opcode in (0, 1):
                data += part
                if first & 0x80:
                    return json.loads(data)

    def ask(self, kind, **members):
        self.number += 1
        self.send({"id": self.number, "type": kind, **members})
        while True:
            answer = self.receive()
            if answer.get("id") == self.number and answer["type"] == "result":
                if not answer["success"]:
                    raise Refused(f"{kind}: {answer['error']}")
                return answer["result"]


class HomeAssistant:
    # Log lines about its environment, which do not depend on jouled. It logs that there is nothing to clean up whenever a device is removed
    # or moved to single components, because it has already cleaned up itself.
    NOISE = re.compile(
        "|".join([
            "No device components to cleanup", "logging too frequently", "_async_resubscribe_and_publish_birth_message", "aiohttp_fast_zlib",
            r"paho\.mqtt\.client", r"MQTT (server|broker)", "Disconnected from", "Failed to connect to", "ffmpeg", "img_util", "turbojpeg",
            r"components\.(backup|stream|camera|usb|bluetooth|hardware|network|image_upload|frontend|http|analytics|conversation)",
        ])
    )  # fmt: skip

    def __init__(self, command, folder):
        self.command = shlex.split(command)
        self.folder = folder
        self.port = free_port()
        self.said = os.path.join(folder, "said")
        self.process = None
        self.socket = None
        self.token = None
        self.mark = 0
        os.makedirs(folder)
        with open(os.path.join(folder, "configuration.yaml"), "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(port=self.port))

    # The process

    def start(self):
        with open(self.said, "ab") as output:
            command = [*self.command, "--config", self.folder, "--log-no-color"]
            self.process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True)
        if not wait_until(self.answers, 180, every=0.5):
            raise Refused("Home Assistant does not answer within 3 minutes: " + self.log()[-2000:])
        if self.token:
            self.connect()
            wait_until(lambda: self.ask("get_config")["state"] == "RUNNING", 120)

    def answers(self):
        if self.process.poll() is not None:
            raise Refused("Home Assistant ended: " + self.log()[-2000:])
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/onboarding", timeout=5) as answer:
                return answer.status == 200
        except urllib.error.HTTPError as error:
            return error.code == 404 and self.token is not None
        except OSError:
            return False

    def stop(self):
        if self.socket:
            self.socket.close()
            self.socket = None
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(90)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def log(self):
        with open(self.said, encoding="utf-8", errors="replace") as file:
            return file.read()

    def complaints(self):
        """Its warnings and errors since the last call, except those about itself."""
        text = self.log()
        fresh, self.mark = text[self.mark :], len(text)
        lines = re.split(r"\n(?=\d{4}-\d\d-\d\d )", fresh)
        return [line for line in lines if re.search(r" (WARNING|ERROR|CRITICAL) ", line.split("\n")[0]) and not self.NOISE.search(line)]

    # Its interfaces

    def http(self, path, members=None, form=None):
        headers = {"Content-Type": "application/json"}
        data = None if members is None else json.dumps(members).encode()
        if form is not None:
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            data = urllib.parse.urlencode(form).encode()
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise Refused(f"{path}: {error.code} {error.read()[:500]!r}") from error

    def connect(self):
        self.socket = WebSocket(self.port, self.token)

    def ask(self, kind, **members):
        try:
            return self.socket.ask(kind, **members)
        except (OSError, Closed):  # It closes connections that do not answer its pings.
            self.connect()
            return self.socket.ask(kind, **members)

    def set_up(self, broker_port):
        """Creates the first user, a long-lived token and the MQTT integration, as a user would in the browser."""
        client = f"http://127.0.0.1:{self.port}/"
        user = {"client_id": client, "name": "Lab", "username": "lab", "password": "laboratory", "language": "en"}
        code = self.http("/api/onboarding/users", user)["auth_code"]
        form = {"client_id": client, "grant_type": "authorization_code", "code": code}
        self.token = self.http("/auth/token", form=form)["access_token"]
        self.connect()
        self.token = self.ask("auth/long_lived_access_token", client_name="lab", lifespan=30)
        try:  # A port that is not confirmed is reverted after five minutes.
            self.ask("http/config/promote")
        except Refused:
            pass  # Older versions keep it.
        wait_until(lambda: self.ask("get_config")["state"] == "RUNNING", 120)
        flow = self.http("/api/config/config_entries/flow", {"handler": "mqtt", "show_advanced_options": False})
        answers = {"broker": "127.0.0.1", "port": broker_port}
        if any(field["name"] == "other_settings" for field in flow["data_schema"]):
            answers["other_settings"] = {"set_client_cert": False, "set_ca_cert": "off"}
        result = self.http("/api/config/config_entries/flow/" + flow["flow_id"], answers)
        if result["type"] != "create_entry":
            raise Refused(f"the MQTT integration was not added: {result}")

    def version(self):
        """Year and month of the version."""
        return tuple(int(part) for part in self.ask("get_config")["version"].split(".")[:2])

    def states(self):
        return {state["entity_id"]: state for state in self.ask("get_states")}

    def entities(self):
        return {
            (entity["entity_id"].split(".")[0], entity["unique_id"]): entity
            for entity in self.ask("config/entity_registry/list")
            if entity["platform"] == "mqtt"
        }

    def devices(self):
        """The names of the devices of the MQTT integration."""
        entries = {entry["entry_id"] for entry in self.http("/api/config/config_entries/entry") if entry["domain"] == "mqtt"}
        devices = self.ask("config/device_registry/list")
        return {device["name"]: device for device in devices if entries & set(device["config_entries"])}

    def delete(self, device):
        """Like the button on the device's page."""
        entry = next(entry["entry_id"] for entry in self.http("/api/config/config_entries/entry") if entry["domain"] == "mqtt")
        if self.version() < (2026, 9):
            self.ask("config/device_registry/remove_config_entry", device_id=device["id"], config_entry_id=entry)
        else:
            self.ask("config/device_registry/remove", device_id=device["id"])

    def call(self, domain, service, **data):
        return self.ask("call_service", domain=domain, service=service, service_data=data)

    # Statistics

    def sums(self, entity, since):
        """The consumption since then according to the statistics, in their unit: a list of the changes."""
        start = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(since))
        wish = {"start_time": start, "statistic_ids": [entity], "period": "5minute", "types": ["sum", "state"]}
        return self.ask("recorder/statistics_during_period", **wish).get(entity, [])
