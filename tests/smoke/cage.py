#!/usr/bin/python3
"""What somebody has who took the dataplane over: under traffic it is a user of its own with no capability, no way to one and few
system calls; that user reads no key and does not reach the admin API. Nor does the end of a terminal (SIGHUP) end it, and its
socket comes back when it is removed."""
import pwd
import subprocess

from smoke import *

USER = "nobody"
LIVES = pwd.getpwnam(USER)


def threads_of(pid):
    """What /proc says of each thread: {"Uid": ..., "CapPrm": ...}."""
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/status") as file: found.append(dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line))
    return found


def expect_caged(pid):
    for thread in threads_of(pid):
        name = thread["Name"]
        expect(thread["Uid"].split() == [str(LIVES.pw_uid)] * 4, f"{name} should be {USER}: {thread['Uid']}")
        expect(thread["Gid"].split() == [str(LIVES.pw_gid)] * 4, f"{name} should have the group of {USER}: {thread['Gid']}")
        expect(thread["Groups"].split() in ([], [str(LIVES.pw_gid)]), f"{name} should have no other groups: {thread['Groups']}")
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            expect(int(thread[kind], 16) == 0, f"{name} should have no {kind}: {thread[kind]}")
        expect(thread["NoNewPrivs"] == "1" and thread["Seccomp"] == "2", f"{name}: {thread['NoNewPrivs']} {thread['Seccomp']}")
    say(f"{len(threads_of(pid))} threads are caged")


def as_dataplane(*command):
    """Exit code of a command that runs as the dataplane's user, in no better position than it."""
    done = subprocess.run(("setpriv", f"--reuid={LIVES.pw_uid}", f"--regid={LIVES.pw_gid}", "--clear-groups", "--no-new-privs",
                           "--bounding-set=-all", "--inh-caps=-all", *command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return done.returncode


REACH = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"

with Lab() as lab:
    os.chmod(lab.folder, 0o755)                          # what stands in the way are the files' own modes
    gateway, client = site(lab, {}, dataplane={"user": USER})
    client.connect()
    traffic = Traffic(client, counted=False)
    pid = gateway.pid("dataplane")
    flow(1)
    expect_caged(pid)
    os.kill(pid, signal.SIGHUP)

    expect(as_dataplane("true") == 0, "setpriv should work here")
    expect(as_dataplane("cat", gateway.config) != 0, "gateway.toml is 0600 here")
    expect(as_dataplane("cat", os.path.join(lab.folder, "wg0.key")) != 0, "the dataplane's user must not read a key")
    expect(as_dataplane("/usr/bin/python3", "-c", REACH, gateway.socket) != 0, "nor reach the admin API")
    say("its user reads no key and does not reach the admin API")

    # A control plane that comes later is still admitted, and gets its shared memory.
    gateway.kill("controlplane")
    gateway.wait_ready()
    wait_until(lambda: gateway.ctl("status")["dataplane"], 10, "the control plane to be connected again")
    results, _ = traffic.stop()
    for name, result in results.items():
        expect(result["longest_gap_ms"] < 2000, f"{name} should have gone on: {result}")
    expect(gateway.pid("dataplane") == pid, "SIGHUP must not end the dataplane")
    say("traffic went on; the next control plane was admitted")

    # In a folder that its user may not write, it can only say so.
    os.unlink(gateway.dataplane["socket"])
    wait_until(lambda: gateway.log_lines("control socket is gone", which="dataplane"), 10, "a word about the socket")
    expect(any("was removed" in problem["why"] for problem in gateway.ctl("status")["problems"]), "status says so, too")
    os.chown(lab.folder, LIVES.pw_uid, -1)
    wait_until(lambda: os.path.exists(gateway.dataplane["socket"]), 10, "the socket to be there again")
    gateway.kill("controlplane")
    gateway.wait_ready()
    client.download("10.0.0.10", 1_000_000)
    say("the socket came back, and a control plane through it")

    # Somebody else is not admitted even where the file lets everybody knock.
    gateway.stop("controlplane")
    stranger = subprocess.run(("setpriv", "--reuid=1", "--regid=1", "--clear-groups", "/usr/bin/python3", "-c",
                               "import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.settimeout(5);"
                               "s.connect(sys.argv[1]); sys.exit(len(s.recv(4096)))", gateway.dataplane["socket"]))
    expect(stranger.returncode == 0, "a stranger must get nothing from the dataplane's socket")
    wait_until(lambda: gateway.log_lines("control plane refused", "user is not admitted", which="dataplane"), 5, "a word about it")
    expect_caged(pid)
    expect(gateway.stop("dataplane") == 0, "it should end as asked")
