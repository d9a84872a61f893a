// `sallyctl check` refuses what a start and a reload refuse, and warns of what only this machine lacks.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include "tests/unit/sallyctl/call.hpp"
#include "tests/unit/temporary_folder.hpp"

namespace sallyport::ctl::check_test {
namespace {

using Json = nlohmann::json;

class Check : public testing::Test {
 protected:
  Check() {
    const std::string private_key = call({"keygen"}).out;
    own_public_key_ = call({"pubkey"}, "/nonexistent/control.sock", private_key).out;
    own_public_key_.pop_back();
    write("wg0.key", private_key);
  }

  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(folder_.file(name)).parent_path());
    std::ofstream(folder_.file(name)) << text;
    ::chmod(folder_.file(name).c_str(), 0600);
  }
  static std::string peer(const std::string& name, const std::string& key, const std::string& more = {}) {
    return "[[peer]]\nname = \"" + name + "\"\nwireguard = \"wg0\"\nallowed_ips = [\"10.8.0.2/32\"]\npublic_key = \"" +
           key + "\"\n" + more;
  }
  Outcome check(const std::string& more, std::vector<std::string> options = {}) {
    write("gateway.toml",
          "[gateway]\nname = \"t\"\n[dataplane]\nmax_peers = 1024\nmax_sessions = 4096\nworkers = [0]\n" + dataplane_ +
              "[[port]]\nname = \"wan\"\ndevice = \"" + device_ +
              "\"\nrole = \"underlay\"\naddresses = [\"192.0.2.1/24\"]\n[[wireguard]]\nname = \"wg0\"\n"
              "listen_port = 51820\nprivate_key_file = \"wg0.key\"\naddresses = [\"10.8.0.1/16\"]\n" +
              policy_ + more);
    options.insert(options.begin(), {"check", folder_.file("gateway.toml")});
    return call(options);
  }

  TemporaryFolder folder_;
  std::string own_public_key_;
  std::string dataplane_, device_ = "net_null0", policy_ = "[policy]\ndefault = \"allow\"\n";
};

constexpr const char* ann_key = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";

TEST_F(Check, RefusesTheTunnelsOwnKeyAsThatOfAPeer) {
  const Outcome outcome = check(peer("ann", own_public_key_));
  EXPECT_EQ(outcome.code, ExitCode::usage);
  EXPECT_TRUE(has(outcome.err, "gateway.toml:19:1: public_key: is the key of wireguard wg0 itself")) << outcome.err;
  // Where the key files are not, nobody can tell.
  EXPECT_EQ(check(peer("ann", own_public_key_), {"--without-key-files"}).code, ExitCode::success);
}

TEST_F(Check, RefusesAMissingPresharedKeyFile) {
  const Outcome outcome = check(peer("ann", ann_key, "preshared_key_file = \"ann.psk\"\n"));
  EXPECT_EQ(outcome.code, ExitCode::usage);
  EXPECT_TRUE(has(outcome.err, "ann.psk: cannot be opened: No such file")) << outcome.err;
}

TEST_F(Check, WarnsOfAFileOfPeersThatAStartLeavesOut) {
  write("peers.d/own.toml",
        "wireguard = \"wg0\"\nallowed_ips = [\"10.8.0.3/32\"]\npublic_key = \"" + own_public_key_ + "\"\n");
  write("peers.d/psk.toml", std::string("wireguard = \"wg0\"\nallowed_ips = [\"10.8.0.4/32\"]\npublic_key = \"") +
                                ann_key + "\"\npreshared_key_file = \"none.psk\"\n");
  const Outcome outcome = check("");
  EXPECT_EQ(outcome.code, ExitCode::success);
  EXPECT_TRUE(has(outcome.err, "own.toml:1:1: public_key: is the key of wireguard wg0 itself")) << outcome.err;
  EXPECT_TRUE(has(outcome.err, "none.psk: cannot be opened")) << outcome.err;
  EXPECT_TRUE(has(outcome.out, "0 peers, 0 routes")) << outcome.out;
}

TEST_F(Check, RefusesAPolicyThatNeedsMoreClassesThanThereAre) {
  dataplane_ = "max_classes = 1\n";
  policy_ = "[policy]\nfiles = [\"policy.toml\"]\n";
  write("policy.toml",
        "schema = 1\n[service]\nweb = { prefixes = [\"10.0.0.1/32\"], ports = [\"tcp/80\"] }\n"
        "ssh = { prefixes = [\"10.0.0.1/32\"], ports = [\"tcp/22\"] }\n[[rule]]\nname = \"r\"\naction = \"allow\"\n"
        "from = [\"peer:ann\"]\nto = [\"web\"]\n[[rule]]\nname = \"s\"\naction = \"allow\"\nfrom = [\"peer:bob\"]\n"
        "to = [\"ssh\"]\n");
  std::string bob = peer("bob", "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=");
  bob.replace(bob.find("10.8.0.2"), 8, "10.8.0.3");
  const Outcome outcome = check(peer("ann", ann_key) + bob);
  EXPECT_EQ(outcome.code, ExitCode::usage);
  EXPECT_TRUE(has(outcome.err, "max_classes")) << outcome.err;
}

TEST_F(Check, RefusesAMissingCertificateOfEnrolment) {
  const Outcome outcome = check(
      "[[pool]]\nname = \"people\"\nprefixes = [\"10.8.128.0/17\"]\n[enrolment]\nlisten = \"127.0.0.1:8443\"\n"
      "endpoint = \"192.0.2.1:51820\"\ncertificate_file = \"e.pem\"\nprivate_key_file = \"e.key\"\nwireguard = "
      "\"wg0\"\n"
      "pool = \"people\"\n");
  EXPECT_EQ(outcome.code, ExitCode::usage);
  EXPECT_TRUE(has(outcome.err, "e.pem: ")) << outcome.err;
}

TEST_F(Check, WarnsOfWhatThisMachineLacks) {
  dataplane_ = "hugepages = \"require\"\nmemory_mb = 4194304\nuser = \"nobody-of-this-name\"\n";
  device_ = "net_af_packet0,iface=nowhere0";
  const Outcome outcome = check("");
  EXPECT_EQ(outcome.code, ExitCode::success) << outcome.err;
  EXPECT_TRUE(has(outcome.err, "gateway.toml:3:1: on this machine: [dataplane] hugepages = \"require\""))
      << outcome.err;
  EXPECT_TRUE(has(outcome.err, "on this machine: device: there is no network interface nowhere0")) << outcome.err;
  EXPECT_TRUE(has(outcome.err, "nobody-of-this-name")) << outcome.err;
  const Json warnings = Json::parse(check("", {"--json"}).out)["warnings"];
  EXPECT_EQ(warnings.size(), 4U) << warnings;  // with that of the policy
  device_ = "0000:ff:1f.7";
  EXPECT_TRUE(has(check("").err, "gateway.toml:10:1: on this machine: device: there is no PCI device 0000:ff:1f.7"));
}

TEST_F(Check, WarnsOfACoreThatThisMachineDoesNotHave) {
  dataplane_ = "";
  write("gateway.toml", "");
  const Outcome before = check("");
  EXPECT_FALSE(has(before.err, "core ")) << before.err;
  std::string text;
  {
    std::ifstream file(folder_.file("gateway.toml"));
    text.assign(std::istreambuf_iterator<char>(file), {});
  }
  text.replace(text.find("workers = [0]"), 13, "workers = [0, 1023]");
  write("gateway.toml", text);
  const Outcome outcome = call({"check", folder_.file("gateway.toml")});
  EXPECT_EQ(outcome.code, ExitCode::success);
  EXPECT_TRUE(has(outcome.err, "on this machine: [dataplane] workers: core 1023 does not exist")) << outcome.err;
}

// What a reload would refuse beside the ports that run.
TEST_F(Check, ComparesWithWhatRuns) {
  ASSERT_EQ(check("").code, ExitCode::success);
  std::filesystem::rename(folder_.file("gateway.toml"), folder_.file("old.toml"));
  const auto moved = [&](const std::string& more, std::vector<std::string> options) {
    check(more);
    std::ifstream file(folder_.file("gateway.toml"));
    std::string text{std::istreambuf_iterator<char>(file), {}};
    text.replace(text.find("192.0.2.1/24"), 12, "198.51.100.1/24");
    write("gateway.toml", text);
    options.insert(options.begin(), {"check", folder_.file("gateway.toml")});
    return call(options);
  };
  const std::string old = folder_.file("old.toml");
  const std::string taken = "[[peer]]\nname = \"b\"\nwireguard = \"wg0\"\npublic_key = \"" + std::string(ann_key) +
                            "\"\nallowed_ips = [\"192.0.2.0/24\"]\n";
  EXPECT_EQ(moved(taken, {}).code, ExitCode::success) << "a start would take it";
  const Outcome refused = moved(taken, {"--against", old});
  EXPECT_EQ(refused.code, ExitCode::usage);
  EXPECT_TRUE(has(refused.err, "192.0.2.0/24 is the connected prefix of port 'wan', which runs")) << refused.err;
  EXPECT_EQ(moved("", {"--against", old}).code, ExitCode::success);
}

TEST_F(Check, ForeseesAFlowRecordFileThatAStartRefuses) {
  policy_ = "[policy]\nfiles = [\"policy.toml\"]\n";
  write("policy.toml", "schema = 1\n");
  std::filesystem::create_symlink("elsewhere", folder_.file("flows.jsonl"));
  const std::string records = "[flow_records]\nfile = \"" + folder_.file("flows.jsonl") + "\"\n";
  const Outcome outcome = check(records);
  EXPECT_EQ(outcome.code, ExitCode::usage);
  EXPECT_TRUE(has(outcome.err, "flows.jsonl is no regular file")) << outcome.err;
  std::filesystem::remove(folder_.file("flows.jsonl"));
  EXPECT_EQ(check(records).code, ExitCode::success) << "a start makes it";
}

}  // namespace
}  // namespace sallyport::ctl::check_test
