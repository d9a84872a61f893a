#!/usr/bin/python3
"""Both processes as the shipped systemd units start them: with no capabilities but those of the unit, in folders of root, users of
their own in the configuration. They say when they are ready, drop everything, and can do it all again. systemd itself is not
needed; where systemd-analyze is, it reads the units."""
import re
import shutil
import socket
import subprocess

from smoke import *

UNITS = os.path.join(HERE, "../../tools/systemd")
DATAPLANE, CONTROLPLANE = "nobody", "daemon"             # users that every Debian has


def unit(which):
    with open(os.path.join(UNITS, f"sallyport-{which}.service")) as file: return file.read()


def setting(which, key):
    return re.search(rf"^{key}=(.*)$", unit(which), re.MULTILINE)[1]


def verify(folder):
    """The units as they are, but for where the programs are."""
    if shutil.which("systemd-analyze") is None: return say("no systemd-analyze here")
    paths = {f"/usr/local/sbin/sallyport-{which}": os.path.join(BUILD, binary) for which, binary in BINARIES.items()}
    for which in BINARIES:
        text = unit(which)
        for installed, built in {**paths, "/usr/local/sbin/sallyctl": SALLYCTL}.items(): text = text.replace(installed, built)
        with open(os.path.join(folder, f"sallyport-{which}.service"), "w") as file: file.write(text)
    said = run("systemd-analyze", "verify", *(os.path.join(folder, f"sallyport-{which}.service") for which in BINARIES), check=False)
    expect("sallyport" not in said, f"systemd should find nothing wrong: {said}")
    say("systemd-analyze finds nothing wrong")


class Notified:
    """What systemd listens on."""

    def __init__(self, path):
        self.path, self.socket = path, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        os.chmod(path, 0o666)
        self.socket.settimeout(20)

    def expect_ready(self, what):
        expect(self.socket.recv(4096) == b"READY=1", f"{what} should say that it is ready")
        say(f"{what} is ready")


def status_of(pid):
    with open(f"/proc/{pid}/status") as file: return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


with Lab() as lab:
    verify(lab.folder)
    os.chmod(lab.folder, 0o755)
    state = os.path.join(lab.folder, "state")            # StateDirectory= makes it, for root
    os.mkdir(state, 0o700)
    with open(os.path.join(state, "state.db"), "w"): pass   # of a control plane that was root until now
    os.chmod(os.path.join(state, "state.db"), 0o600)
    gateway = Gateway(lab, dataplane={"user": DATAPLANE},
                      controlplane={"user": CONTROLPLANE, "state": os.path.join(state, "state.db")})
    client = Client(lab, gateway, 1)
    gateway.write_config()
    os.chmod(gateway.config, 0o644)
    shutil.chown(os.path.join(lab.folder, "wg0.key"), CONTROLPLANE)
    for name in os.listdir(lab.folder):
        if name.endswith(".key"): shutil.chown(os.path.join(lab.folder, name), CONTROLPLANE)
    notified = Notified(os.path.join(lab.folder, "notify"))

    def start(which, config=gateway.config):
        names = [word.removeprefix("CAP_").lower() for word in setting(which, "CapabilityBoundingSet").split()]
        return lab.gw.spawn(which, "setpriv", "--bounding-set=-all," + ",".join(f"+{name}" for name in names), "--inh-caps=-all",
                            "--no-new-privs", os.path.join(BUILD, BINARIES[which]), "--config", config,
                            env={**os.environ, "NOTIFY_SOCKET": notified.path, "STATE_DIRECTORY": state})

    # What a container's root is not shown to do is read: the sandbox, and what `systemctl reload` is.
    expect("/etc/sallyport" in setting("dataplane", "TemporaryFileSystem"), "the dataplane sees no key file")
    expect(all(folder in setting("dataplane", "InaccessiblePaths") for folder in ("/var/lib/sallyport", "/var/log/sallyport")),
           "nor the state and the records")
    expect(setting("controlplane", "ExecReload").endswith("sallyctl reload"), "systemctl reload is sallyctl reload")

    for attempt in ("first", "second"):
        processes = {}
        for which in ("dataplane", "controlplane"):
            expect(setting(which, "Type") == "notify", f"systemd waits for the {which}")
            processes[which] = start(which)
            notified.expect_ready(which)
        gateway.wait_ready()
        for which, user in (("dataplane", DATAPLANE), ("controlplane", CONTROLPLANE)):
            status = status_of(processes[which].pid)
            expect(status["Uid"].split()[0] == run("id", "-u", user).strip(), f"the {which} should be {user}")
            expect(int(status["CapPrm"], 16) == 0 and int(status["CapBnd"], 16) == 0, f"the {which} should have no capability")
        wait_until(lambda: not any("state file" in problem["what"] for problem in gateway.ctl("status")["problems"]) or attempt == "first",
                   5, "a state that can be written")
        if attempt == "first": client.connect()
        expect(client.pings("10.0.0.10", 3) == 3, f"a client should reach the inside at the {attempt} start")
        gateway.ctl("reload")
        for which in reversed(processes): expect(lab.end(processes[which]) == 0, f"the {which} should end as asked")
        say(f"{attempt} start: done")

    broken = os.path.join(lab.folder, "broken.toml")
    with open(broken, "w") as file: file.write("[gateway]\n")
    os.chmod(broken, 0o644)
    for which in BINARIES:
        code = str(start(which, config=broken).wait(10))
        expect(code == setting(which, "RestartPreventExitStatus"), f"a bad configuration ends the {which} with {code}")
        expect(int(setting(which, "StartLimitBurst")) > 0, "and crashes do not go on for ever")
    say("a bad configuration is not tried again")
