#!/bin/sh
# Plain packets through the whole gateway, from process to process: pktgen -> "left" -> dataplane -> "right" -> pktgen, over
# virtio-user and vhost-user, routed between two inside ports. The rate of everything but the tunnel, with a driver in it.
# (Not over memif: pktgen sets the MTU of its ports, which memif refuses.)
#
#   perf/pktgen.sh [BUILD_DIRECTORY [PACKET_BYTES [SECONDS]]]      PACKET_BYTES: of the IP packet
#
# Exits 77 and says what is missing where it cannot run. NEVER RUN SO FAR: pktgen is not packaged, and no figure of ours comes from
# it. Read it before you trust it.
set -eu

build=${1:-build}
packet_bytes=${2:-64}
seconds=${3:-10}

missing() {
  echo "pktgen.sh: $*" >&2
  exit 77
}
fail() {
  echo "pktgen.sh: $*" >&2
  tail -n 20 "$folder"/*.log >&2
  exit 1
}

pktgen=$(command -v pktgen) || missing "no pktgen on the PATH (it is not packaged: build it from its sources)"
[ "$(id -u)" = 0 ] || missing "must be run by root"
[ "$(nproc)" -ge 2 ] || missing "needs two cores: one for the dataplane's worker, one for pktgen"
for program in dataplane/sallyport-dataplane controlplane/sallyport-controlplane tools/sallyctl; do
  [ -x "$build/$program" ] || missing "no $build/$program: ninja -C $build"
done

folder=$(mktemp -d)
processes=
cleanup() {
  for process in $processes; do
    kill "$process" 2>/dev/null && wait "$process" 2>/dev/null || true
  done
  rm -rf "$folder"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

port() { # name number
  cat <<TOML
[[port]]
name = "$1"
device = "net_vhost$2,iface=$folder/$1.vhost"
role = "inside"
addresses = ["198.1$((8 + $2)).0.1/24"]
mac = "02:00:00:00:01:0$2"
TOML
}

"$build/tools/sallyctl" keygen >"$folder/wg0.key"
chmod 600 "$folder/wg0.key"
cat >"$folder/gateway.toml" <<TOML
[gateway]
name = "pktgen"
[dataplane]
workers = [1]
idle = "busy"
max_peers = 16
max_sessions = 64
socket = "$folder/dataplane.sock"
[controlplane]
socket = "$folder/control.sock"
state = "$folder/state.db"
metrics = "off"
$(port left 0)
$(port right 1)
[[port]]
name = "wan"
device = "net_null0,no-rx=1"
role = "underlay"
addresses = ["192.0.2.1/24"]
[[wireguard]]
name = "wg0"
listen_port = 51820
private_key_file = "wg0.key"
addresses = ["10.8.0.1/16"]
[policy]
default = "allow"
TOML
"$build/tools/sallyctl" check "$folder/gateway.toml" >"$folder/check.log" || fail "its configuration is refused"

for plane in dataplane controlplane; do
  "$build/$plane/sallyport-$plane" --config "$folder/gateway.toml" >"$folder/$plane.log" 2>&1 &
  processes="$! $processes"
  socket=$folder/$([ $plane = dataplane ] && echo dataplane || echo control).sock
  tries=0
  until [ -S "$socket" ]; do
    tries=$((tries + 1))
    [ $tries -le 30 ] || fail "the $plane does not start"
    sleep 1
  done
done

cat >"$folder/run.lua" <<LUA
for port = 0, 1 do
  local name = tostring(port)
  pktgen.set_ipaddr(name, "src", string.format("198.1%d.0.2/24", 8 + port))
  pktgen.set_ipaddr(name, "dst", string.format("198.1%d.0.2", 9 - port))
  pktgen.set_mac(name, "dst", "02:00:00:00:01:0" .. name)
  pktgen.set_type(name, "ipv4")
  pktgen.set_proto(name, "udp")
  pktgen.set(name, "size", $((packet_bytes + 18)))
  pktgen.set(name, "rate", 100)
  pktgen.process(name, "on")
end
pktgen.delay(2000)
pktgen.clr()
pktgen.start("0")
pktgen.delay($((seconds * 1000)))
pktgen.stop("0")
pktgen.delay(500)
local sent = pktgen.portStats("0", "port")[0].opackets
local received = pktgen.portStats("1", "port")[1].ipackets
print(string.format("\nsent %d, received %d, %.3f Mpps", sent, received, received / $seconds / 1e6))
pktgen.quit()
LUA
# virtio-user shares its memory with the dataplane; without huge pages DPDK takes a memfd.
echo "pktgen: $packet_bytes bytes for $seconds s; the gateway's own counts follow"
"$pktgen" --lcores='0@0,1@0' --no-huge --no-shconf -m 512 --no-pci --file-prefix="pktgen-$$" \
  --vdev="net_virtio_user0,path=$folder/left.vhost,mac=02:00:00:00:02:00" \
  --vdev="net_virtio_user1,path=$folder/right.vhost,mac=02:00:00:00:02:01" \
  -- -P -T -m '1.[0-1]' -f "$folder/run.lua" || fail "pktgen ended with an error"
"$build/tools/sallyctl" --socket "$folder/control.sock" ports
"$build/tools/sallyctl" --socket "$folder/control.sock" counters
