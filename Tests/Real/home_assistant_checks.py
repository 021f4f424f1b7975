"""The checks of the script `home-assistant`: each prints one line. Order matters: they simulate one day in one house."""

import os
import re
import sys
import time
import traceback

from home_assistant import HomeAssistant, wait_until
from home_assistant_lab import Announcements, Broker, Jouled, P1Meter, PulseLine, Simulator, signal

CONFIGURATION = """
[mqtt]
url = "mqtt://127.0.0.1:{port}"
username = "jouled"
password = "{password}"
[mqtt.homeassistant]
discovery = "{discovery}"
[state]
directory = "{folder}/state"
save_every = "10s"
"""
GRID = '[[meter]]\nname = "grid"\ntitle = "Grid meter"\nport = "{folder}/me162"\nprotocol = "iec62056"\npublish_every = "1s"\n'
FEED = '[[meter]]\nname = "feed"\ntitle = "Feed meter"\nport = "{folder}/sml"\nprotocol = "sml"\npublish_every = "1s"\n'
DUTCH = '[[meter]]\nname = "dutch"\ntitle = "Dutch meter"\nport = "{folder}/p1"\nprotocol = "p1"\npublish_every = "1s"\n'
HEATPUMP = '[[pulse]]\nname = "heatpump"\ntitle = "Heat pump"\nchip = "{folder}/lines"\noffset = 0\npublish_every = "1s"\n'
WATER = (
    '[[pulse]]\nname = "water"\ntitle = "Cold water"\nchip = "{folder}/lines"\noffset = 1\nunit = "m³"\nmedium = "water"\n'
    'pulses_per_unit = 100\npublish_every = "1s"\n'
)
ALL = (GRID, FEED, DUTCH, HEATPUMP, WATER)


class Failure(Exception):
    pass


def expect(truth, why):
    if not truth:
        raise Failure(str(why))


class House:
    def __init__(self, binary, folder, command):
        self.folder = folder
        self.broker = Broker(folder + "/broker", remembers=True)
        self.home = HomeAssistant(command, folder + "/home")
        self.jouled = Jouled(binary, folder, folder + "/lines.so")
        self.grid = Simulator(binary, "me162", folder + "/me162", "--profile", "steady=1500")
        self.feed = Simulator(binary, "sml", folder + "/sml", "--profile", "steady=-2400")
        self.dutch = P1Meter(folder + "/p1")
        self.heatpump = PulseLine(folder + "/lines", 0)
        self.water = PulseLine(folder + "/lines", 1)
        self.began = time.time()
        self.registered = None
        os.mkdir(folder + "/state")

    def configure(self, meters=ALL, discovery="device", password="secret"):
        text = CONFIGURATION + "".join(meters)
        facts = {"port": self.broker.port, "discovery": discovery, "folder": self.folder, "password": password}
        for name, fact in facts.items():
            text = text.replace("{" + name + "}", str(fact))
        self.jouled.configure(text)

    def end(self):
        self.jouled.stop()
        self.home.stop()
        for meter in (self.grid, self.feed):
            meter.end()
        self.broker.stop()

    # The announcements, and the resulting entities in Home Assistant

    def announced(self):
        return Announcements(self.broker.retained("homeassistant/#"))

    def shown(self, announced=None):
        """Each enabled announced entity: announcement, entity id, state."""
        announced = announced or self.announced()
        entities, states = self.home.entities(), self.home.states()
        for name, component in announced.enabled().items():
            entity = entities.get(name)
            yield name, component, entity and entity["entity_id"], entity and states.get(entity["entity_id"])

    def entity(self, meter, key, platform="sensor"):
        for (kind, unique), component in self.announced().components.items():
            if kind == platform and component["key"] == key and f"/{meter}/" in component.get("state_topic", ""):
                return self.home.entities()[(kind, unique)]["entity_id"]
        raise Failure(f"{meter} {key} is not announced")

    def state(self, meter, key, platform="sensor"):
        return self.home.states()[self.entity(meter, key, platform)]["state"]

    def missing(self, meters):
        """Enabled announced entities without a value in Home Assistant; or fewer announced meters than expected."""
        announced, lacks, troubles = self.announced(), [], []
        for name, component, entity, state in self.shown(announced):
            if not entity:
                lacks.append(f"{name} ({component['name']}) is no entity")
            elif not state or (state["state"] in ("unknown", "unavailable") and name[0] != "button"):
                lacks.append(f"{entity} is {state and state['state']}")
            elif component["key"] == "problem" and state["state"] != "none":
                troubles.append(f"{entity} is {state['state']}")
        lacks += troubles if lacks else []
        count = len({component["device"]["identifiers"][0] for component in announced.components.values()})
        return lacks if count >= meters else [*lacks, f"only {count} meters are announced"]

    def is_complete(self, seconds=120, meters=6):
        """Waits until all entities of so many meters have a value, and keep it. An ME162 whose session was interrupted takes
        longer."""
        wait_until(lambda: not self.missing(meters), seconds, every=1)
        time.sleep(1)
        expect(not (still := self.missing(meters)), still)

    def availability(self, meter):
        """The states of the entities that depend on one meter, and of its link."""
        own, link = {}, None
        for _, component, entity, state in self.shown():
            topics = [item["topic"] for item in component.get("availability", [])]
            if f"/{meter}/" not in component.get("state_topic", ""):
                continue
            if component["key"] == "link":
                link = state and state["state"]
            elif any(topic.endswith("/availability") for topic in topics):
                own[entity] = state and state["state"]
        return own, link

    def unchanged_registry(self):
        """Since the last call no entity has disappeared, changed its entity id or been duplicated."""
        found = {name: entity["entity_id"] for name, entity in self.home.entities().items()}
        before, self.registered = self.registered, found
        expect(not (twins := [entity for entity in found.values() if re.search(r"_\d$", entity)]), f"duplicates: {twins}")
        if before is not None:
            changed = {name: entity for name, entity in before.items() if found.get(name) != entity}
            expect(not changed, f"gone or renamed: {changed}")

    def no_complaint(self):
        complaints = self.home.complaints()
        expect(not complaints, " / ".join(complaints))

    # The checks

    def fresh_start(self):
        """fresh start: every announced value has a state in Home Assistant"""
        self.broker.start()
        self.home.start()
        self.home.set_up(self.broker.port)
        print(f"Home Assistant {self.home.ask('get_config')['version']}", flush=True)
        self.grid.start()
        self.feed.start()
        self.dutch.plug()
        self.configure()
        self.jouled.start()
        self.is_complete_with_pulses()
        self.has_power()
        self.is_complete()

    def has_power(self):
        """The ME162 has no power register: power is known after a few steps of the energy."""
        wait_until(lambda: ("sensor", "power") in self.keys("grid"), 60, every=1)
        expect(("sensor", "power") in self.keys("grid"), "no power of the grid meter within a minute")

    def keys(self, meter):
        components = self.announced().components.items()
        return {(platform, item["key"]) for (platform, _), item in components if f"/{meter}/" in item.get("state_topic", "")}

    def is_complete_with_pulses(self):
        time.sleep(3)
        self.heatpump.pulse(20, spacing=0.2)
        self.water.pulse(20, spacing=0.2)
        self.is_complete()

    def fresh_log(self):
        """fresh start: no warning and no error in Home Assistant's log"""
        self.no_complaint()
        self.unchanged_registry()

    def texts_are_said(self):
        """every entity has the announced unit, class and precision, and a unique name"""
        wrong = []
        for name, component, entity, state in self.shown():
            attributes = state["attributes"] if state else {}
            for key in ("unit_of_measurement", "device_class", "state_class"):
                if component.get(key) != attributes.get(key):
                    wrong.append(f"{entity}: {key} is {attributes.get(key)}, announced is {component.get(key)}")
            precision = self.home.entities()[name]["options"].get("sensor", {}).get("suggested_display_precision")
            if component.get("suggested_display_precision") != precision:
                wrong.append(f"{entity}: the precision is {precision}, announced is {component.get('suggested_display_precision')}")
            title = component["device"]["name"]
            called = attributes.get("friendly_name", "")
            if called.count(title) != 1 or "Unnamed" in called or "MQTT" in called:
                wrong.append(f"{entity} is called {called}")
        expect(not wrong, wrong)

    def states_are_topics(self):
        """every number is shown as it is in the topic"""

        def different():
            topics = self.broker.retained("jouled/#")
            wrong = []
            for _, component, entity, state in self.shown():
                said = topics.get(component.get("state_topic"))
                if component.get("state_class") == "total_increasing" and state and said is None:
                    wrong.append(f"{component['state_topic']} is not retained")
                if component.get("state_class") != "total_increasing" or said is None:
                    continue
                if not state or state["state"] in ("unknown", "unavailable") or abs(float(state["state"]) - float(said)) > 0.01:
                    wrong.append(f"{entity}: {state and state['state']}, the topic says {said}")
            return wrong

        wait_until(lambda: not different(), 15, every=1)
        expect(not (still := different()), still)

    def devices_are_named(self):
        """each meter is one device connected via jouled, with manufacturer, model and serial number"""
        devices = self.home.devices()
        expect("jouled" in devices, f"jouled itself is not in {list(devices)}")
        for title in ("Grid meter", "Feed meter", "Dutch meter", "Dutch meter gas", "Heat pump", "Cold water"):
            expect(title in devices, f"no {title} in {list(devices)}")
            expect(devices[title]["via_device_id"] == devices["jouled"]["id"], f"{title} is not behind jouled")
        for title in ("Grid meter", "Feed meter"):
            for key in ("manufacturer", "model", "serial_number"):
                expect(devices[title].get(key) or (title, key) == ("Feed meter", "model"), f"{title} has no {key}")

    def killed(self):
        """kill -9: all values are unavailable within 3 seconds"""
        self.jouled.stop(signal.SIGKILL)
        wait_until(lambda: not self.alive(), 3)
        expect(not (still := self.alive()), still)

    def alive(self):
        """Entities that have a value, except the state of jouled itself."""
        shown = [(name, component, entity, state) for name, component, entity, state in self.shown() if "availability" in component]
        return [entity for _, _, entity, state in shown if not state or state["state"] != "unavailable"]

    def back_after_kill(self):
        """started after kill -9: everything is back, no duplicates, no complaint"""
        self.jouled.start()
        self.is_complete_with_pulses()
        self.unchanged_registry()
        self.no_complaint()

    def frozen(self):
        """jouled hangs: everything is unavailable once the broker has noticed, and back when jouled continues"""
        self.jouled.process.send_signal(signal.SIGSTOP)
        try:
            wait_until(lambda: not self.alive(), 150, every=1)
            expect(not (still := self.alive()), still)
        finally:
            self.jouled.process.send_signal(signal.SIGCONT)
        self.is_complete_with_pulses()
        self.unchanged_registry()
        self.no_complaint()

    def home_restarts(self):
        """Home Assistant restarts while jouled runs: everything is back, no duplicates, no complaint"""
        self.home.stop()
        self.heatpump.pulse(10)
        self.dutch.imported += 30
        self.home.start()
        self.is_complete()
        self.unchanged_registry()
        self.no_complaint()

    def home_restarts_without(self):
        """Home Assistant restarts while jouled is stopped: entities stay, and are back when it starts"""
        self.jouled.stop()
        self.home.stop()
        self.home.start()
        time.sleep(3)
        self.unchanged_registry()
        expect(not (alive := self.alive()), f"should be unavailable: {alive}")
        self.jouled.start()
        self.is_complete()
        self.unchanged_registry()
        self.no_complaint()

    def broker_restarts(self):
        """the broker restarts: everything is back automatically"""
        self.broker.stop()
        time.sleep(2)
        self.broker.start()
        self.is_complete()
        self.unchanged_registry()

    def broker_forgets(self):
        """the broker crashes and loses everything: everything is back automatically"""
        self.broker.stop(signal.SIGKILL)
        for name in os.listdir(self.folder + "/broker"):
            if name.endswith(".db"):
                os.unlink(f"{self.folder}/broker/{name}")
        time.sleep(2)
        self.broker.start()
        self.is_complete()
        self.unchanged_registry()
        self.no_complaint()

    def before_the_broker(self):
        """jouled starts before the broker: everything is there once the broker runs"""
        self.jouled.stop()
        self.broker.stop()
        self.jouled.start()
        time.sleep(8)
        self.broker.start()
        self.is_complete()
        self.unchanged_registry()
        self.no_complaint()

    def wrong_password(self):
        """a wrong password is logged once; when it is corrected, everything is there"""
        self.jouled.stop()
        before = len(self.jouled.log())
        self.configure(password="guessed")
        self.jouled.start()
        time.sleep(20)
        said = [line for line in self.jouled.log()[before:].splitlines() if "mqtt" in line]
        expect(len(said) == 1 and re.search("password|refused|authori[sz]ed|credentials", said[0]), said)
        self.configure()
        self.jouled.reload()
        self.is_complete_with_pulses()
        self.unchanged_registry()
        self.no_complaint()

    def unplugged(self, meter, port, others):
        own, link = self.availability(meter)
        expect(own and link == "on", f"before: {own}, link {link}")
        port.unplug()

        def gone():
            own, link = self.availability(meter)
            return all(state == "unavailable" for state in own.values()) and link == "off"

        wait_until(gone, 60, every=1)
        expect(gone(), self.availability(meter))
        problem = self.state(meter, "problem")
        expect(problem not in ("none", "unknown", "unavailable"), f"the problem is {problem}")
        for other in others:
            own, link = self.availability(other)
            expect("unavailable" not in own.values() and link == "on", f"{other}: {own}, link {link}")
        port.plug()
        self.is_complete()
        wait_until(lambda: self.state(meter, "problem") == "none", 10)
        expect(self.state(meter, "problem") == "none", f"the problem stays: {self.state(meter, 'problem')}")

    def feed_unplugged(self):
        """a head that fell off: only its meter is unavailable, its link is off, its problem gives the reason; it recovers"""
        self.unplugged("feed", self.feed, ["grid", "dutch", "heatpump", "water"])
        self.no_complaint()

    def grid_unplugged(self):
        """the same with a meter that is polled"""
        self.unplugged("grid", self.grid, ["feed", "dutch", "heatpump", "water"])
        self.no_complaint()

    def dutch_unplugged(self):
        """the same with a P1 port, and the gas meter behind it"""
        self.unplugged("dutch", self.dutch, ["grid", "feed", "heatpump", "water"])
        own, link = self.availability("dutch_gas")
        expect("unavailable" not in own.values() and link == "on", f"gas: {own}, link {link}")
        self.no_complaint()

    def glitch(self, kind):
        before = {key: float(self.state("dutch", key)) for key in ("energy_import", "energy_export")}
        before["volume"] = float(self.state("dutch_gas", "volume"))
        self.dutch.glitch = kind
        end = time.monotonic() + 4
        while time.monotonic() < end:
            for meter, key in (("dutch", "energy_import"), ("dutch", "energy_export"), ("dutch_gas", "volume")):
                state = self.state(meter, key)
                expect(state == "unavailable" or abs(float(state) - before[key]) < 1, f"{meter} {key} was {before[key]}, is {state}")
        self.dutch.glitch = None
        self.dutch.imported += 20
        wait_until(lambda: self.state("dutch", "energy_import") == f"{self.dutch.imported / 1000:.3f}", 20)
        said = self.state("dutch", "energy_import")
        expect(said == f"{self.dutch.imported / 1000:.3f}", f"after it {said}, the meter says {self.dutch.imported} Wh")

    def glitch_corrupt(self):
        """a telegram with a wrong checksum is discarded"""
        self.glitch("corrupt")

    def glitch_zero(self):
        """four seconds of counters at 0 are ignored"""
        self.glitch("zero")

    def glitch_back(self):
        """counters that go back for four seconds are ignored"""
        self.glitch("back")

    def glitch_jump(self):
        """counters that are ten times too high are ignored"""
        self.glitch("jump")
        self.no_complaint()

    def sets_the_total(self):
        """number.set_value sets a pulse meter's total; it survives a restart"""
        number = self.entity("water", "total", "number")
        self.home.call("number", "set_value", entity_id=number, value=1234.56)
        wait_until(lambda: float(self.state("water", "volume")) == 1234.56, 10)
        expect(float(self.state("water", "volume")) == 1234.56, f"the volume is {self.state('water', 'volume')}")
        expect(float(self.home.states()[number]["state"]) == 1234.56, f"the number is {self.home.states()[number]['state']}")
        self.jouled.stop()
        self.jouled.start()
        self.is_complete()
        expect(float(self.state("water", "volume")) == 1234.56, f"after a restart the volume is {self.state('water', 'volume')}")
        self.no_complaint()

    def device_deleted(self):
        """a device that was deleted in Home Assistant is restored unchanged when jouled restarts"""
        before = self.home.entities()
        self.home.delete(self.home.devices()["Heat pump"])
        wait_until(lambda: "Heat pump" not in self.home.devices(), 10)
        expect("Heat pump" not in self.home.devices(), "it can't be deleted")
        time.sleep(2)
        expect("Heat pump" not in self.home.devices(), "it is back at once")
        self.jouled.stop()
        self.jouled.start()
        self.is_complete_with_pulses()
        after = self.home.entities()
        expect(set(before) == set(after), f"other entities: {set(before) ^ set(after)}")
        self.unchanged_registry()

    def meter_removed(self):
        """a meter removed from the configuration leaves no entity behind; added again, it is unchanged"""
        before = self.home.entities()
        self.jouled.stop()
        self.configure(meters=(GRID, FEED, DUTCH, HEATPUMP))
        self.jouled.start()
        time.sleep(5)

        def left():
            return [entity["entity_id"] for entity in self.home.entities().values() if "cold_water" in entity["entity_id"]]

        wait_until(lambda: not left(), 20)
        expect(not (still := left()), f"still there: {still}")
        expect("Cold water" not in self.home.devices(), "the device is still there")
        still = [topic for topic in self.broker.retained("jouled/#") if topic.startswith("jouled/water/")]
        expect(not still, f"still retained: {still}")
        self.jouled.stop()
        self.configure()
        self.jouled.start()
        self.is_complete_with_pulses()
        after = self.home.entities()
        expect(set(after) == set(before), f"other entities: {set(after) ^ set(before)}")
        self.unchanged_registry()
        self.no_complaint()

    def meter_removed_by_reload(self):
        """the same with SIGHUP"""
        self.configure(meters=(GRID, FEED, DUTCH, HEATPUMP))
        self.jouled.reload()

        def left():
            return [entity["entity_id"] for entity in self.home.entities().values() if "cold_water" in entity["entity_id"]]

        wait_until(lambda: not left(), 20)
        expect(not (still := left()), f"still there: {still}")
        self.configure()
        self.jouled.reload()
        self.is_complete_with_pulses()
        self.unchanged_registry()
        self.no_complaint()

    def orphans_are_told(self):
        """after a restart of Home Assistant no entity is restored without being announced"""
        self.home.stop()
        self.home.start()
        self.is_complete()
        orphans = [entity for entity, state in self.home.states().items() if state["attributes"].get("restored")]
        expect(not orphans, orphans)

    def renamed(self):
        """a new title changes names, no entity id"""
        self.jouled.stop()
        self.configure(meters=(GRID, FEED, DUTCH, HEATPUMP.replace("Heat pump", "Warmth"), WATER))
        self.jouled.start()
        self.is_complete_with_pulses()
        self.unchanged_registry()
        expect("Warmth" in self.home.devices(), list(self.home.devices()))
        self.jouled.stop()
        self.configure()
        self.jouled.start()
        self.is_complete_with_pulses()
        self.unchanged_registry()
        self.no_complaint()

    def other_form(self, form):
        self.jouled.stop()
        self.configure(discovery=form)
        self.jouled.start()
        self.is_complete_with_pulses()
        topics = self.announced().topics
        wrong = [topic for topic in topics if (topic.split("/")[1] == "device") != (form == "device")]
        expect(not wrong, f"of the other form: {wrong}")
        self.unchanged_registry()
        self.no_complaint()

    def to_components(self):
        """from the device form to single components: the same entities, no complaint"""
        self.other_form("components")

    def to_device(self):
        """and back"""
        self.other_form("device")

    def discovery_off(self):
        """discovery off removes all announcements"""
        self.jouled.stop()
        self.configure(discovery="off")
        self.jouled.start()
        wait_until(lambda: not self.home.entities(), 20)
        left = [entity["entity_id"] for entity in self.home.entities().values()]
        expect(not left, f"still there: {left}")
        expect(not (topics := self.announced().topics), f"still retained: {topics}")
        self.no_complaint()

    def discovery_on(self):
        """and on again brings the same entities back"""
        self.jouled.stop()
        self.configure()
        self.jouled.start()
        self.is_complete_with_pulses()
        self.unchanged_registry()
        self.no_complaint()

    def another_serial(self):
        """another meter at the same head is a new device, and the old one is removed"""
        old = self.entity("dutch", "energy_import")
        before = set(self.home.entities())
        self.dutch.serial = "9876543210"
        self.dutch.imported, self.dutch.exported = 5_000, 3_000
        wait_until(lambda: any("9876543210" in unique for _, unique in self.home.entities()), 90, every=1)
        now = self.home.entities()
        expect(any("9876543210" in unique for _, unique in now), "no entity of the other serial number")
        left = [unique for _, unique in now if "1234567890" in unique]
        expect(not left, f"of the old one are left: {left}")
        self.is_complete()
        expect(float(self.state("dutch", "energy_import")) < 100, f"{old} is {self.state('dutch', 'energy_import')}")
        gas = [name for name in before if "gas" in name[1] or "4731" in name[1]]
        expect(all(name in now for name in gas), "the gas meter is another one")
        self.no_complaint()

    def restored_from_the_broker(self):
        """with an empty state directory a pulse meter continues from the total retained at the broker"""
        before = float(self.state("heatpump", "energy"))
        expect(before > 0, before)
        self.jouled.stop()
        for name in os.listdir(self.folder + "/state"):
            os.unlink(f"{self.folder}/state/{name}")
        self.jouled.start()
        time.sleep(8)
        self.heatpump.pulse(2, spacing=0.3)
        time.sleep(4)
        after = float(self.state("heatpump", "energy"))
        expect(abs(after - before - 0.002) < 1e-9, f"{before} kWh and 2 Wh are {after} kWh")
        self.no_complaint()

    # Statistics

    def energy_dashboard(self):
        """the Energy dashboard accepts grid, power, gas, water and pulse meters without errors"""
        self.has_power()
        sensor = self.entity
        grid, feed = sensor("grid", "energy_import"), sensor("feed", "energy_export")
        prices = {"entity_energy_price": None, "number_energy_price": None}
        if self.home.version() < (2026, 1):
            sources = [{
                "type": "grid", "cost_adjustment_day": 0,
                "flow_from": [{"stat_energy_from": grid, "stat_cost": None, **prices}],
                "flow_to": [{"stat_energy_to": feed, "stat_compensation": None, **prices}],
            }]  # fmt: skip
            rate = {}
        else:
            sources = [
                {"type": "grid", "cost_adjustment_day": 0, "stat_energy_from": grid, "stat_energy_to": feed,
                 "power_config": {"stat_rate": sensor("grid", "power")}},
                {"type": "grid", "cost_adjustment_day": 0, "stat_energy_from": sensor("dutch", "energy_import"),
                 "stat_energy_to": sensor("dutch", "energy_export"),
                 "power_config": {"stat_rate_from": sensor("dutch", "power_import"), "stat_rate_to": sensor("dutch", "power_export")}},
            ]  # fmt: skip
            rate = {"stat_rate": sensor("heatpump", "power")}
        sources.append({"type": "gas", "stat_energy_from": sensor("dutch_gas", "volume"), "stat_cost": None, **prices})
        sources.append({"type": "water", "stat_energy_from": sensor("water", "volume"), "stat_cost": None, **prices})
        devices = [{"stat_consumption": sensor("heatpump", "energy"), **rate}]
        self.home.ask("energy/save_prefs", energy_sources=sources, device_consumption=devices)

        def complaints():
            found = self.home.ask("energy/validate")
            return [issue for part in found.values() for issues in part for issue in issues]

        # Statistics are computed every five minutes; newly announced entities have none before that.
        wait_until(lambda: not complaints(), 660, every=5)
        expect(not (still := complaints()), still)

    def statistics_are_right(self):
        """statistics: units and kinds are right, validation reports nothing"""
        listed = {row["statistic_id"]: row for row in self.home.ask("recorder/list_statistic_ids")}
        wrong = []
        for _, component, entity, _ in self.shown():
            if component.get("state_class") and entity not in listed:
                wrong.append(f"{entity} has none")
            elif component.get("state_class") == "total_increasing" and not listed[entity]["has_sum"]:
                wrong.append(f"{entity} has no sum")
        expect(not wrong, wrong)
        issues = self.home.ask("recorder/validate_statistics")
        ours = {row["entity_id"] for row in self.home.entities().values()}
        bad = {name: issue for name, issue in issues.items() if name in ours and issue[0]["type"] != "no_state"}
        expect(not bad, bad)

    def sums_are_right(self):
        """statistics: the sums equal the consumption, after all these events"""
        wait_until(lambda: time.time() % 300 < 30 and time.time() % 300 > 20, 330, every=1)
        wrong = []
        for meter, key, used in (("dutch", "energy_import", self.dutch.imported / 1000 - 12345.678), ("dutch_gas", "volume", 0.0)):
            rows = self.home.sums(self.entity(meter, key), self.began - 300)
            if not rows:
                wrong.append(f"{meter} {key} has no statistics")
            elif abs(rows[-1]["sum"] - used) > 0.0005:
                seen = [(row["state"], row["sum"]) for row in rows]
                wrong.append(f"{meter} {key}: the sum is {rows[-1]['sum']}, used were {used}: {seen}")
        rows = self.home.sums(self.entity("heatpump", "energy"), self.began - 300)
        if not rows or abs(rows[-1]["state"] - self.heatpump.given / 1000) > 0.0005:
            wrong.append(f"heat pump: {self.heatpump.given} pulses, but {[(row['state'], row['sum']) for row in rows]}")
        for _, component, entity, _ in self.shown():
            if component.get("state_class") == "total_increasing":
                rows = self.home.sums(entity, self.began - 300)
                zero = {round(row["state"] - row["sum"], 6) for row in rows}
                if len(zero) > 1 and "cold_water" not in entity:  # The total was set.
                    wrong.append(f"{entity} jumped: {[(row['state'], row['sum']) for row in rows]}")
        expect(not wrong, wrong)

    CHECKS = [
        "fresh_start", "fresh_log", "texts_are_said", "states_are_topics", "devices_are_named", "killed", "back_after_kill", "frozen",
        "home_restarts", "home_restarts_without", "broker_restarts", "broker_forgets", "before_the_broker", "wrong_password",
        "feed_unplugged", "grid_unplugged", "dutch_unplugged", "glitch_corrupt", "glitch_zero", "glitch_back", "glitch_jump",
        "sets_the_total", "energy_dashboard", "statistics_are_right", "sums_are_right", "meter_removed", "meter_removed_by_reload",
        "renamed", "to_components", "to_device", "orphans_are_told", "device_deleted", "discovery_off", "discovery_on",
        "another_serial", "restored_from_the_broker",
    ]  # fmt: skip


def main():
    binary, folder, command, *wanted = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    house = House(binary, folder, command)
    passed = failed = 0
    try:
        for name in House.CHECKS:
            if wanted and name != "fresh_start" and name not in wanted:
                continue
            title = f"{getattr(House, name).__doc__} ({name})"
            try:
                getattr(house, name)()
                passed += 1
                print(f"ok: {title}", flush=True)
            except Exception as error:  # pylint: disable=broad-except
                failed += 1
                why = str(error) if isinstance(error, Failure) else traceback.format_exc()
                print(f"failed: {title}: {why[:3000]}".replace("\n", " | "), flush=True)
                if name == "fresh_start":
                    break
    finally:
        house.end()
        if keep := os.environ.get("HOME_ASSISTANT_LOGS"):
            for name, source in (("home-assistant.log", house.home.said), ("jouled.log", house.jouled.said)):
                if not os.path.exists(source):
                    continue
                with open(source, "rb") as said, open(os.path.join(keep, name), "wb") as file:
                    file.write(said.read())
    print(f"{passed} passed, {failed} failed, 0 skipped")
    sys.exit(1 if failed else 0)


main()
