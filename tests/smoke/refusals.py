#!/usr/bin/python3
"""A configuration that is wrong is refused by both processes and by `sallyctl check`, at once, with the place and the reason."""
import subprocess

from smoke import *


def outcome(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20)
    return done.returncode, done.stdout


with Lab(wire_inside=False) as lab:
    gateway = Gateway(lab)
    good_key = gateway.private_key

    def refused(what, words, text=None, binaries=("controlplane",)):
        gateway.write_config()
        if text is not None:
            with open(gateway.config, "w") as config: config.write(text)
        commands = [(which, (os.path.join(BUILD, BINARIES[which]), "--config", gateway.config)) for which in binaries]
        for who, command in [*commands, ("sallyctl check", (SALLYCTL, "check", gateway.config))]:
            code, said = outcome(*lab.gw.enter(*command))
            expect(code not in (0, 77) and code < 126, f"{who} should refuse {what}, but ended {code}: {said}")
            missing = [word for word in words if word not in said]
            expect(not missing, f"{who} should say {missing} of {what}, but said: {said}")
        say(f"{what}: refused")

    gateway.write_config()
    code, said = outcome(SALLYCTL, "check", gateway.config)
    expect(code == 0, f"the lab's configuration is good: {said}")
    both = ("controlplane", "dataplane")
    text = gateway.text()
    refused("a syntax error", ["gateway.toml:", ":1"], text="[gateway\n" + text, binaries=both)
    refused("a misspelt key", ["gateway.toml:", "listen_prot", "listen_port"], text=text.replace("listen_port", "listen_prot"))
    refused("a misspelt key of a port", ["gateway.toml:", "adresses", "addresses"], text=text.replace("addresses", "adresses"), binaries=both)
    refused("an address that does not parse", ["gateway.toml:", "10.0.0.300"], text=text.replace("10.0.0.1/24", "10.0.0.300/24"), binaries=both)
    refused("no policy", ["policy"], text=text[:text.index("[policy]")])
    refused("a section that does nothing yet", ["[ipsec]"], text=text + '\n[ipsec]\naddresses = ["192.0.2.1"]\n')
    refused("flow records of a plain VPN", ["gateway.toml:", "flow_records"], text=text + '\n[flow_records]\nfile = "flows.jsonl"\n')
    files = text[:text.index("[policy]")] + '[policy]\nfiles = ["policy.toml"]\n'
    refused("policy files that do not exist", ["policy.toml"], text=files)
    replace_file(os.path.join(lab.folder, "policy.toml"), 'schema = 1\n[[rule]]\nname = "x"\naction = "allow"\nfrom = ["group:x"]\nto = ["*"]\n')
    refused("a policy with an error", ["policy.toml:5", "'x'"], text=files)
    refused("bytes that are no text", ["gateway.toml"], text="\0" + text, binaries=both)

    os.unlink(os.path.join(lab.folder, "wg0.key"))
    refused("a missing key file", ["wg0.key"])
    gateway.secret_file("wg0.key", good_key, 0o644)
    refused("a key file that others can read", ["wg0.key"])
    gateway.secret_file("wg0.key", "not a key")
    refused("a key file without a key", ["wg0.key"])
    gateway.secret_file("wg0.key", good_key)

    def dataplane_refuses(what, words, **port):
        gateway.ports[1].update(port)
        gateway.write_config()
        code, said = outcome(*lab.gw.enter(os.path.join(BUILD, BINARIES["dataplane"]), "--config", gateway.config))
        expect(code not in (0, 77) and code < 126, f"the dataplane should refuse {what}, but ended {code}: {said}")
        expect(all(word in said for word in words), f"the dataplane should say {words} of {what}, but said: {said}")
        say(f"{what}: refused")

    dataplane_refuses("an interface that does not exist", ["lan"], device="net_af_packet1,iface=nowhere0")
    dataplane_refuses("a driver that does not exist", ["lan"], device="net_nonsense0")
