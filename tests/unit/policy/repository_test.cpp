// The example and the reference of the repository, and policies of the largest size.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "policy/keys.hpp"
#include "policy_text.hpp"
#include "tests/unit/readme_reference.hpp"

namespace sallyport::policy::repository_test {
namespace {

namespace fs = std::filesystem;

std::string read_all(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(PolicyRepository, ExampleIsValidAndUsesEveryKey) {
  const fs::path path = fs::path(POLICY_FOLDER) / "policy.example.toml";
  const auto bundle = read_bundle(std::vector{path});
  ASSERT_TRUE(bundle);
  EXPECT_EQ(errors_of(*bundle), std::vector<std::string>{});
  EXPECT_EQ(valid(*bundle).warnings, std::vector<std::string>{});
  const std::string& text = bundle->files.at(0).text;
  for (const auto* table : keys::all_tables())
    for (const auto& key : table->keys)
      EXPECT_NE(text.find(key.name), std::string::npos) << table->header << ' ' << key.name;
  for (const auto kind : {"\"*\"", "net:", "user:", "claim:", "sa:", "spiffe://",
                          "ike:fqdn=", "ike:email=", "ike:dn=", "tag:", "peer:", "group:"})
    EXPECT_NE(text.find(kind), std::string::npos) << kind;
}

TEST(PolicyRepository, ReferenceInTheReadmeIsThatOfTheKeys) {
  expect_reference(fs::path(POLICY_FOLDER) / "README.md", keys::reference_markdown());
}

// They share one namespace, as files do.
TEST(PolicyRepository, EveryTomlBlockOfTheReadmeIsValid) {
  const std::string readme = read_all(fs::path(POLICY_FOLDER) / "README.md");
  constexpr std::string_view begin = "```toml\n", end = "```\n", schema = "schema = 1";
  Bundle blocks;
  for (auto at = readme.find(begin); at != std::string::npos; at = readme.find(begin, at)) {
    at += begin.size();
    std::string block = readme.substr(at, readme.find(end, at) - at);
    if (!block.starts_with(schema)) block = std::string(schema) + '\n' + block;
    blocks.files.push_back({"block-" + std::to_string(blocks.files.size() + 1), block});
  }
  EXPECT_GE(blocks.files.size(), 8U);
  EXPECT_EQ(errors_of(blocks), std::vector<std::string>{});
}

TEST(PolicySize, AHundredThousandRulesLoad) {
  std::string text;
  for (int i = 0; i < 1000; ++i)
    text += "[service.s" + std::to_string(i) + "]\nprefixes = [\"10." + std::to_string(i / 250) + '.' +
            std::to_string(i % 250) + ".0/24\"]\nports = [\"tcp/80\"]\n";
  text += "[group]\n";
  for (int i = 0; i < 100; ++i) {
    text += "g" + std::to_string(i) + " = [";
    for (int j = 0; j < 10; ++j) text += "\"user:corp/u" + std::to_string(i * 10 + j) + "\", ";
    text += "]\n";
  }
  for (int i = 0; i < 100'000; ++i)
    text += rule_toml("r" + std::to_string(i), i % 3 == 0 ? "deny" : "allow",
                      "\"group:g" + std::to_string(i % 100) + "\", \"tag:t" + std::to_string(i) + "\"",
                      "\"s" + std::to_string(i % 1000) + "\"");
  const Policy policy = valid(text);
  EXPECT_EQ(policy.rules.size(), 100'000U);
  EXPECT_EQ(policy.find_rule("r99999")->from.size(), 11U);
}

TEST(PolicySize, TooManySelectorsAreRefused) {
  std::string text = "[group]\nall = [";
  for (int i = 0; i < 3000; ++i) text += "\"tag:t" + std::to_string(i) + "\", ";
  text += "]\n";
  for (int i = 0; i < 700; ++i) text += rule_toml("r" + std::to_string(i), "allow", "\"group:all\"", "\"*\"");
  EXPECT_EQ(
      errors_of(bundle_of(text)),
      std::vector<std::string>{
          "policy.toml:3502:9: from: expected at most 2097152 selectors in all rules and services, groups resolved"});
}

}  // namespace
}  // namespace sallyport::policy::repository_test
