// Unknown keys, missing keys and wrong types, in every section alike.
#include "config_text.hpp"

namespace sallyport::config::keys_test {
namespace {

TEST(Keys, EmptyFileLacksWhatAGatewayNeeds) {
  EXPECT_EQ(errors_of(""),
            (std::vector<std::string>{
                "gateway.toml: no [gateway] section: expected one with the gateway's name",
                "gateway.toml: no [policy] section: expected one with default = \"allow\" (a plain VPN) or files",
                "gateway.toml: no [[port]] section: expected at least one",
            }));
}

TEST(Keys, MisspeltKeyIsNamedWithTheClosestOne) {
  expect_errors(with_ports("[[port]]\nname = \"wan\"\ndevice = \"x\"\nrole = \"inside\"\nadress = [\"10.0.0.1/24\"]\n"),
                {"1:1: missing key 'addresses' in [[port]]: expected list of addresses with prefix length, 1 to 8",
                 "5:1: unknown key 'adress'; did you mean 'addresses'?"});
}

TEST(Keys, UnknownKeyThatResemblesNothingGetsTheList) {
  expect_errors(complete("[[route]]\nto = \"10.20.0.0/16\"\nvia = \"10.0.0.254\"\nbandwidth = 3\n"),
                {"4:1: unknown key 'bandwidth'; [[route]] has to, via"});
}

TEST(Keys, MisspeltSectionIsNamedWithTheClosestOne) {
  expect_errors(complete("[[piers]]\nname = \"ann\"\n"), {"1:3: unknown key 'piers'; did you mean 'peer'?"});
  expect_errors(complete("[dataplan]\n"), {"1:2: unknown key 'dataplan'; did you mean 'dataplane'?"});
}

TEST(Keys, SectionOfTheWrongShape) {
  expect_errors(joined({"[port]\nname = \"wan\"\n", gateway_toml, policy_toml}),
                {"1:1: port: expected tables, [[port]], got a table"});
  expect_errors(joined({"[[gateway]]\nname = \"g\"\n", policy_toml, wan_toml}),
                {"1:1: gateway: expected a table, [gateway], got an array"});
  expect_errors(complete("peer = [1]\n"), {"1:9: peer: expected tables, [[peer]], got the integer 1"});
  expect_errors(complete("cluster = { a = 1 }\n"),
                {"1:17: cluster: expected a table, [cluster.NAME], got the integer 1"});
  expect_errors(complete("dataplane = 3\n"), {"1:13: dataplane: expected a table, [dataplane], got the integer 3"});
}

TEST(Keys, EmptyArrayOfPortsIsNoPort) {
  EXPECT_EQ(errors_of(joined({"port = []\n", gateway_toml, policy_toml})),
            std::vector<std::string>{"gateway.toml: no [[port]] section: expected at least one"});
}

TEST(Keys, WrongTypeSaysWhatWasExpectedAndWhatIsThere) {
  const auto dataplane = [](std::string_view line) { return complete("[dataplane]\n" + std::string(line) + '\n'); };
  expect_errors(dataplane("max_peers = \"many\""),
                {"2:13: max_peers: expected an integer from 1 to 1048576, got the string \"many\""});
  expect_errors(dataplane("max_peers = 1.5"),
                {"2:13: max_peers: expected an integer from 1 to 1048576, got the number 1.5"});
  expect_errors(dataplane("max_peers = true"), {"2:13: max_peers: expected an integer from 1 to 1048576, got true"});
  expect_errors(dataplane("max_peers = 2026-01-01"),
                {"2:13: max_peers: expected an integer from 1 to 1048576, got the time 2026-01-01"});
  expect_errors(dataplane("max_peers = [1]"), {"2:13: max_peers: expected an integer from 1 to 1048576, got an array"});
  expect_errors(dataplane("max_peers = {}"), {"2:13: max_peers: expected an integer from 1 to 1048576, got a table"});
  expect_errors(dataplane("workers = 1"),
                {"2:11: workers: expected an array (list of core numbers, 1 to 32, each once), got the integer 1"});
}

TEST(Keys, AllMistakesAreReportedAtOnceInTheOrderOfTheFile) {
  expect_errors(
      joined({"[policy]\ndefault = \"deny\"\n[dataplane]\nidle = \"lazy\"\nmax_peers = 0\nworkers = []\n[gateway]\nnam "
              "= \"g\"\n",
              wan_toml}),
      {"2:11: default: expected \"allow\", got the string \"deny\"",
       "4:8: idle: expected \"busy\" or \"adaptive\", got the string \"lazy\"",
       "5:13: max_peers: expected an integer from 1 to 1048576, got the integer 0",
       "6:11: workers: expected 1 to 32 elements, got 0", "7:1: missing key 'name' in [gateway]: expected name",
       "8:1: unknown key 'nam'; did you mean 'name'?"});
}

TEST(Keys, MisspeltWordIsCorrected) {
  expect_errors(complete("[dataplane]\nhugepages = \"requires\"\n"),
                {"2:13: hugepages: expected \"auto\", \"require\" or \"never\", got the string \"requires\"; did you "
                 "mean 'require'?"});
}

TEST(Keys, LongValuesAreCutInMessages) {
  const auto errors = errors_of(complete("[dataplane]\nidle = \"" + std::string(1000, 'x') + "\"\n"));
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_LT(errors[0].size(), 200U);
}

TEST(Keys, NamesHaveAShape) {
  for (const std::string& name :
       std::initializer_list<std::string>{"", "-a", ".a", "a b", "a/b", "\xc3\xa9", std::string(64, 'a')})
    EXPECT_EQ(errors_of(joined({"[gateway]\nname = \"", name, "\"\n", policy_toml, wan_toml})).size(), 1U) << name;
  for (const std::string& name :
       std::initializer_list<std::string>{"a", "0", "Fra-Edge_1.example", std::string(63, 'a')})
    EXPECT_EQ(valid(joined({"[gateway]\nname = \"", name, "\"\n", policy_toml, wan_toml})).gateway.name, name);
}

}  // namespace
}  // namespace sallyport::config::keys_test
