// The file itself, key files, and the files of the repository: the example and the reference in README.md.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "config/keys.hpp"
#include "config/secret_files.hpp"
#include "config/unsupported.hpp"
#include "config_text.hpp"
#include "tests/unit/readme_reference.hpp"

namespace sallyport::config::files_test {
namespace {

namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  Files() {
    std::string pattern = (fs::temp_directory_path() / "sallyport-config-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~Files() override { fs::remove_all(folder_); }

  fs::path write(const std::string& name, std::string_view text, mode_t mode = 0600) const {
    const fs::path path = folder_ / name;
    std::ofstream(path, std::ios::binary) << text;
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }
  static std::string load_error(const fs::path& path) {
    const auto config = load(path);
    return config ? "valid" : to_string(config.error().at(0));
  }
  static std::string key_error(const fs::path& path) {
    const auto key = read_key_file(path);
    return key ? "valid" : key.error().substr(path.string().size());
  }

  fs::path folder_;
};

std::string read_all(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_F(Files, LoadResolvesPathsAgainstTheFolderOfTheFile) {
  const auto config = load(write("gateway.toml", complete("")));
  ASSERT_TRUE(config);
  EXPECT_EQ(config->wireguards[0].private_key_file, folder_ / "wg0.key");
}

TEST_F(Files, LoadExplainsAFileThatCannotBeHad) {
  EXPECT_EQ(load_error(folder_ / "none.toml"),
            (folder_ / "none.toml").string() + ": cannot be opened: No such file or directory");
  EXPECT_EQ(load_error(folder_), folder_.string() + ": expected a file, got a directory");
  ASSERT_EQ(mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(load_error(folder_ / "fifo"), (folder_ / "fifo").string() + ": expected a regular file");
  const fs::path large = write("large.toml", "");
  fs::resize_file(large, (64U << 20) + 1);
  EXPECT_EQ(load_error(large), large.string() + ": larger than 64 MiB");
  EXPECT_EQ(load_error(write("empty.toml", "")),
            (folder_ / "empty.toml").string() + ": no [gateway] section: expected one with the gateway's name");
}

TEST_F(Files, ParseRefusesATextThatIsTooLarge) {
  expect_errors("", {" no [gateway] section: expected one with the gateway's name",
                     " no [policy] section: expected one with default = \"allow\" (a plain VPN) or files",
                     " no [[port]] section: expected at least one"});
  EXPECT_EQ(errors_of(std::string((64U << 20) + 1, '\n')),
            std::vector<std::string>{"gateway.toml: larger than 64 MiB"});
}

TEST_F(Files, UnreadableFileIsExplained) {
  const fs::path unreadable = write("gateway.toml", complete(""), 0);
  const uid_t self = geteuid(), nobody = 65534;
  if (self == 0) { ASSERT_EQ(seteuid(nobody), 0); }
  const std::string error = load_error(unreadable);
  ASSERT_EQ(seteuid(self), 0);
  EXPECT_EQ(error, (folder_ / "gateway.toml").string() + ": cannot be opened: Permission denied");
}

TEST_F(Files, NameWithControlBytesCannotForgeALine) {
  EXPECT_EQ(load_error("no\nsuch\x1b.toml"), "no\\x0asuch\\x1b.toml: cannot be opened: No such file or directory");
}

TEST_F(Files, KeyFileOfAStrangerIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const fs::path path = write("wg0.key", ann_key);
  const uid_t stranger = 65534;
  ASSERT_EQ(chown(path.c_str(), stranger, static_cast<gid_t>(-1)), 0);
  EXPECT_EQ(key_error(path), ": belongs to another user (uid 65534); run: chown root " + path.string());
  EXPECT_TRUE(read_key_file(path, stranger)) << "who will read it is no stranger";
  EXPECT_FALSE(read_secret_file(path, 1000));
  const uid_t reader = 4711;
  EXPECT_NE(read_key_file(write("root.key", ann_key), reader).error().find("run: chown 4711 "), std::string::npos)
      << "who will read it could not";
  ASSERT_EQ(chmod(folder_.c_str(), 0755), 0);
  ASSERT_EQ(seteuid(stranger), 0);
  EXPECT_TRUE(read_key_file(path)) << "its own";
  ASSERT_EQ(seteuid(0), 0);
}

TEST_F(Files, KeyFileIsReadWithOrWithoutItsNewline) {
  for (const auto* newline : {"", "\n", "\r\n"}) {
    const auto key = read_key_file(write("wg0.key", std::string(ann_key) + newline));
    ASSERT_TRUE(key) << key.error();
    EXPECT_EQ(encode_key(key->expose()), ann_key);
  }
  fs::create_symlink(folder_ / "wg0.key", folder_ / "link");
  EXPECT_TRUE(read_key_file(folder_ / "link"));
}

TEST_F(Files, KeyFileThatOthersCanReadIsRefused) {
  for (const mode_t mode : std::initializer_list<mode_t>{0640, 0604, 0610, 0602, 0644}) {
    const fs::path path = write("wg0.key", ann_key, mode);
    EXPECT_EQ(key_error(path), ": others can read this key; run: chmod 600 " + path.string());
  }
  EXPECT_EQ(key_error(write("read-only.key", ann_key, 0400)), "valid");
}

TEST_F(Files, KeyFileWithSomethingElseIsRefusedAndNotRepeated) {
  const std::string expected = ": expected a WireGuard key: 44 characters of base64 on one line";
  for (const std::string& text :
       {std::string(), std::string("\n"), std::string(ann_key.substr(1)), std::string(ann_key) + "\n\n",
        std::string(ann_key) + " ", ' ' + std::string(ann_key), std::string(ann_key) + std::string(ann_key),
        std::string(100'000, 'A'), std::string(44, '\0')})
    EXPECT_EQ(key_error(write("wg0.key", text)), expected);
  EXPECT_EQ(key_error(write("zero.key", std::string(43, 'A') + "=\n")), ": holds the all-zero key");
  EXPECT_EQ(key_error(folder_), ": expected a regular file");
  EXPECT_EQ(key_error(folder_ / "none"), ": cannot be opened: No such file or directory");
  EXPECT_EQ(key_error("/dev/null"), ": expected a regular file");
}

TEST(Repository, ExampleIsValidAndUsesEverySection) {
  const auto config = load(fs::path(CONFIG_FOLDER) / "gateway.example.toml");
  ASSERT_TRUE(config) << to_string(config.error().at(0));
  EXPECT_TRUE(config->warnings.empty()) << config->warnings[0];
  const std::string text = read_all(fs::path(CONFIG_FOLDER) / "gateway.example.toml");
  for (const TableInfo* table : keys::all_tables()) {
    const std::string header = table == &keys::cluster ? "[cluster." : std::string(table->header);
    EXPECT_NE(text.find('\n' + header), std::string::npos) << header;
  }
}

TEST(Repository, ReferenceInTheReadmeIsThatOfTheKeys) {
  expect_reference(fs::path(CONFIG_FOLDER) / "README.md", keys::reference_markdown());
}

TEST(Repository, ReferenceMarksWhatDoesNothingYet) {
  constexpr std::string_view mark = "**Does nothing yet: a gateway that has it does not start.**";
  const auto headers = unsupported_headers();
  for (const TableInfo* table : keys::all_tables()) {
    const bool unsupported = std::find(headers.begin(), headers.end(), table->header) != headers.end();
    EXPECT_EQ(table->meaning.find(mark) != std::string_view::npos, unsupported) << table->header;
  }
}

TEST(Repository, DocumentedDefaultsAreTheRealOnes) {
  // The required keys of each section that has defaults, to which each default is added in words.
  const std::vector<std::pair<const TableInfo*, std::string>> sections = {
      {&keys::dataplane, joined({"[dataplane]\n@\n", gateway_toml, policy_toml, wan_toml, lan_toml, wg0_toml})},
      {&keys::controlplane, joined({"[controlplane]\n@\n", gateway_toml, policy_toml, wan_toml, lan_toml, wg0_toml})},
      {&keys::port, joined({lan_toml, "@\n", gateway_toml, policy_toml, wan_toml, wg0_toml})},
      {&keys::wireguard, joined({wg0_toml, "@\n", gateway_toml, policy_toml, wan_toml, lan_toml})},
      {&keys::peer, joined({peer_toml("ann", ann_key, "10.8.0.2/32"), "@\n", gateway_toml, policy_toml, wan_toml,
                            lan_toml, wg0_toml})},
      {&keys::enrolment, complete(joined({enrolment_toml, "@\n", pool_toml}))},
      {&keys::cluster, complete(joined({cluster_toml, "@\n"}))},
      {&keys::flow_records, complete_with_policy("[flow_records]\nfile = \"f\"\n@\n")},
  };
  for (const auto& section : sections) {
    const TableInfo* table = section.first;
    const auto with = [&](const std::string& line) {
      std::string changed = section.second;
      return valid(changed.replace(changed.find('@'), 1, line));
    };
    const Config without = with("");
    for (const KeyInfo& key : table->keys)
      if (key.fallback != "required" && key.fallback != "none") {
        EXPECT_EQ(with(std::string(key.name) + " = " + std::string(key.fallback)), without)
            << table->header << ' ' << key.name;
      }
  }
}

TEST(Unsupported, EachSectionThatDoesNothingYetIsNamed) {
  const auto config = load(fs::path(CONFIG_FOLDER) / "gateway.example.toml");
  ASSERT_TRUE(config);
  std::string all;
  for (const Error& error : unsupported_features(*config)) {
    EXPECT_NE(error.location.line, 0U);
    all += error.message.substr(0, error.message.find(" is understood")) + ';';
  }
  EXPECT_EQ(all, "[ipsec];[[ipsec_peer]];");
}

TEST(Unsupported, APolicyAndFlowRecordsMayBeUsed) {
  EXPECT_TRUE(unsupported_features(valid(complete_with_policy("[flow_records]\nfile = \"f\"\n"))).empty());
}

TEST(Unsupported, PoolsEnrolmentAndClustersMayBeUsed) {
  EXPECT_TRUE(unsupported_features(valid(complete(joined({enrolment_toml, pool_toml, cluster_toml})))).empty());
}

TEST(Unsupported, PlainVpnMayStart) {
  EXPECT_TRUE(unsupported_features(valid(complete(peer_toml("ann", ann_key, "10.8.0.2/32") +
                                                  "identity = \"user:c/ann\"\ntags = [\"a\"]\n")))
                  .empty());
}

}  // namespace
}  // namespace sallyport::config::files_test
