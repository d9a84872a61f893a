// The server's certificate and key on disk.
#include "tests/unit/enrolment_server/enrolment_lab.hpp"

namespace sallyport::controlplane::tls_files_test {
namespace {

// What the server shows to a new client.
std::string shown_to_a_client(const EnrolmentLab& lab) {
  BlockingTls client = lab.connect();
  const std::unique_ptr<X509, decltype(&X509_free)> leaf(SSL_get1_peer_certificate(client.native()), X509_free);
  char name[64] = "";
  if (leaf) X509_NAME_get_text_by_NID(X509_get_subject_name(leaf.get()), NID_commonName, name, sizeof name);
  return name;
}

std::string start_problem(EnrolmentLab& lab) {
  const auto started = lab.server->start(local_listener());
  return started ? "started" : started.error();
}

TEST(EnrolmentFiles, AreReadAgainWhenTheyChange) {
  EnrolmentLab lab;
  lab.start();
  EXPECT_EQ(shown_to_a_client(lab), "localhost");
  lab.install(lab.ca.issue({.common_name = "renewed"}));
  EXPECT_EQ(shown_to_a_client(lab), "localhost");
  lab.server->look_at_files();
  EXPECT_TRUE(EnrolmentLab::eventually([&] { return shown_to_a_client(lab) == "renewed"; }));
  EXPECT_TRUE(lab.server->problems().empty());
}

TEST(EnrolmentFiles, StayAsTheyWereWhileTheNewOnesAreBroken) {
  EnrolmentLab lab;
  lab.start();
  const TestIdentity renewed = lab.ca.issue({.common_name = "renewed"});
  const auto becomes_a_problem = [&] {
    lab.server->look_at_files();
    return EnrolmentLab::eventually([&] { return lab.server->problems().size() == 1; });
  };
  lab.write("certificate.pem", renewed.certificate_pem);  // its key is still to come
  EXPECT_TRUE(becomes_a_problem());
  EXPECT_NE(lab.server->problems()[0].why.find("does not fit"), std::string::npos) << lab.server->problems()[0].why;
  EXPECT_EQ(shown_to_a_client(lab), "localhost");
  lab.write("key.pem", renewed.key_pem, 0644);
  lab.server->look_at_files();
  EXPECT_TRUE(
      EnrolmentLab::eventually([&] { return lab.server->problems()[0].why.find("chmod 600") != std::string::npos; }));
  EXPECT_EQ(shown_to_a_client(lab), "localhost");
  ::chmod(lab.folder.file("key.pem").c_str(), 0600);
  lab.server->look_at_files();
  EXPECT_TRUE(EnrolmentLab::eventually([&] { return lab.server->problems().empty(); }));
  EXPECT_EQ(shown_to_a_client(lab), "renewed");
  std::filesystem::remove(lab.folder.file("certificate.pem"));
  EXPECT_TRUE(becomes_a_problem());
  EXPECT_EQ(shown_to_a_client(lab), "renewed");
}

TEST(EnrolmentFiles, TellWhenTheCertificateHasExpired) {
  EnrolmentLab lab;
  lab.install(lab.ca.issue({.not_after = std::chrono::seconds(-60)}));
  lab.start();
  ASSERT_EQ(lab.server->problems().size(), 1U);
  EXPECT_NE(lab.server->problems()[0].why.find("expired"), std::string::npos) << lab.server->problems()[0].why;
}

TEST(EnrolmentFiles, ThatCannotBeUsedAreNamedAtTheStart) {
  {
    EnrolmentLab lab;
    ::chmod(lab.folder.file("key.pem").c_str(), 0640);
    const std::string why = start_problem(lab);
    EXPECT_NE(why.find("key.pem: others can read this key; run: chmod 600"), std::string::npos) << why;
  }
  {
    EnrolmentLab lab;
    std::filesystem::remove(lab.folder.file("certificate.pem"));
    EXPECT_NE(start_problem(lab).find("certificate.pem: "), std::string::npos);
  }
  {
    EnrolmentLab lab([](auto& settings) { settings.client_ca_files = {"/nonexistent/ca.pem"}; });
    EXPECT_NE(start_problem(lab).find("/nonexistent/ca.pem: "), std::string::npos);
  }
  {
    EnrolmentLab lab;
    lab.write("key.pem", std::string(2 * 1024 * 1024, 'x'));
    EXPECT_NE(start_problem(lab).find("larger than 1 MiB"), std::string::npos);
  }
}

TEST(EnrolmentFiles, OfClientCasMakeTheServerAsk) {
  const Mesh mesh;
  EnrolmentLab lab(
      [](auto& settings) { settings.client_ca_files = {settings.certificate_file.parent_path() / "cas.pem"}; });
  lab.write("cas.pem", mesh.root.pem());
  lab.start();
  const TestIdentity client = mesh.client();
  BlockingTls connection = lab.connect(&client);
  connection.send(EnrolmentLab::enrolment(""));
  EXPECT_NE(connection.receive_until("}").find(" 403 "), std::string::npos);
  // It was asked for, and came; no issuer of the policy vouches for it.
  EXPECT_EQ(lab.refused, std::vector<std::string>{"no_issuers"});
}

}  // namespace
}  // namespace sallyport::controlplane::tls_files_test
