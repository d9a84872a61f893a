// Enrolments per second on one core: the proofs alone, then whole enrolments over HTTPS through EnrolmentServer, whose
// hand-over grants at once. Of those the CPU time of the server's own thread counts, so that what the clients of this
// process need does not; it stays on one core where the machine lets it.
//
//   enrolment [--seconds N]      of each measurement
#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "config/base/check.hpp"
#include "tests/unit/enrolment_server/enrolment_lab.hpp"

namespace {

using namespace sallyport;
using namespace sallyport::controlplane;

constexpr unsigned clients = 4;

double cpu_seconds(clockid_t clock) {
  timespec time{};
  SP_CHECK(clock_gettime(clock, &time) == 0);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

void print(const char* what, double count, double cpu_s) {
  std::printf("%-44s%12.1f%12.0f\n", what, cpu_s / count * 1e6, count / cpu_s);
}

// --- the proofs alone ---

void measure_alone(const char* what, double seconds, const std::function<bool()>& verify) {
  constexpr unsigned at_once = 16;
  for (unsigned i = 0; i < at_once; ++i) SP_CHECK(verify());
  const double start = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
  double count = 0, used = 0;
  while (used < seconds) {
    for (unsigned i = 0; i < at_once; ++i) SP_CHECK(verify());
    count += at_once;
    used = cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - start;
  }
  print(what, count, used);
}

void measure_token(const char* alg, const TestKey& key, double seconds) {
  const auto trust = trust_of({trust_in(corp_issuer(), {key.jwk("k")})});
  const std::string token = make_token(key, alg, "k", current_claims().dump());
  const std::string what = "verify a token, " + std::string(alg);
  measure_alone(what.c_str(), seconds,
                [&] { return trust->verify_token(token, test_public_key, real_now()).has_value(); });
}

void measure_certificate(const Mesh& mesh, double seconds) {
  const auto trust = trust_of({mesh.trust()});
  const std::vector<std::vector<std::uint8_t>> chain{mesh.leaf.der};
  measure_alone("verify a certificate, P-256", seconds,
                [&] { return trust->verify_certificate(chain, real_now()).has_value(); });
}

// --- whole enrolments ---

// The server, and the clock of its thread's CPU time: the thread shows itself with the first hand-over.
class Bench {
 public:
  explicit Bench(const Mesh& mesh)
      : server_(
            {.certificate_file = folder_.file("certificate.pem"),
             .private_key_file = folder_.file("key.pem"),
             .requests_per_s_of_source = 1e9,
             .burst_of_source = 1e9,
             .connections_of_source = 1024},
            [this](const EnrolmentRequest&, const EnrolmentServer::Reply& reply) { grant(reply); },
            [](const RefusedProof& why, const IpAddress&) {
              std::fprintf(stderr, "refused: %.*s %s\n", static_cast<int>(name_of(why.reason).size()),
                           name_of(why.reason).data(), why.detail.c_str());
              std::exit(1);
            },
            [](const std::string&) {}) {
    const TestIdentity identity = ca_.issue();
    for (const auto& [name, text] :
         {std::pair{"certificate.pem", identity.certificate_pem}, {"key.pem", identity.key_pem}})
      write_file(folder_.file(name), text);
    server_.set_trust(trust_of({trust_in(corp_issuer(), {rsa_.jwk("rsa"), corp_key().jwk("ec")}), mesh.trust()}));
    const auto started = server_.start(local_listener());
    if (!started) {
      std::fprintf(stderr, "%s\n", started.error().c_str());
      std::exit(1);
    }
  }

  [[nodiscard]] std::string token(const char* alg) const {
    const bool is_rsa = std::string_view(alg) == "RS256";
    return make_token(is_rsa ? rsa_ : corp_key(), alg, is_rsa ? "rsa" : "ec", current_claims().dump());
  }

  // Every client enrols until the time is over; `kept`: on one connection, otherwise each time on a new one.
  void measure(const char* what, const std::string& token, const TestIdentity* identity, bool kept, double seconds) {
    const std::string request = EnrolmentLab::enrolment(token);
    enrol(request, identity);  // the thread is known from now on
    std::atomic<bool> going = true;
    std::atomic<unsigned> count = 0;
    const double before = cpu_seconds(clock_);
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < clients; ++i)
      threads.emplace_back([&] {
        while (going) kept ? enrol_on_one(request, identity, going, count) : (enrol(request, identity), void(++count));
      });
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    going = false;
    for (std::thread& thread : threads) thread.join();
    print(what, count, cpu_seconds(clock_) - before);
  }

 private:
  static void write_file(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
    SP_CHECK(::chmod(path.c_str(), 0600) == 0);
  }

  void grant(const EnrolmentServer::Reply& reply) {
    if (!seen_) {
      seen_ = true;
      clockid_t clock = 0;
      SP_CHECK(pthread_getcpuclockid(pthread_self(), &clock) == 0);
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(static_cast<std::size_t>(sched_getcpu()), &one);
      (void)pthread_setaffinity_np(pthread_self(), sizeof one, &one);
      clock_ = clock;
    }
    reply(EnrolmentAnswer(example_grant()));
  }

  static void expect_granted(BlockingTls& client, const std::string& request) {
    const bool sent = client.send(request);
    if (sent && client.receive_until("\"expires_at\"").starts_with("HTTP/1.1 200 ")) return;
    std::fprintf(stderr, "an enrolment failed\n");
    std::exit(1);
  }
  void enrol(const std::string& request, const TestIdentity* identity) const {
    BlockingTls client = BlockingTls::connect(server_.port(), identity);
    expect_granted(client, request);
  }
  void enrol_on_one(const std::string& request, const TestIdentity* identity, const std::atomic<bool>& going,
                    std::atomic<unsigned>& count) const {
    BlockingTls client = BlockingTls::connect(server_.port(), identity);
    for (; going; ++count) expect_granted(client, request);
  }

  TemporaryFolder folder_;
  TestCa ca_;
  TestKey rsa_ = TestKey::rsa();
  bool seen_ = false;
  std::atomic<clockid_t> clock_ = CLOCK_THREAD_CPUTIME_ID;
  EnrolmentServer server_;
};

}  // namespace

int main(int argc, char** argv) {
  double seconds = 3;
  for (int i = 1; i + 1 < argc; i += 2)
    if (std::string_view(argv[i]) == "--seconds") seconds = std::atof(argv[i + 1]);
  const Mesh mesh;
  std::printf("%-44s%12s%12s\n", "one core", "us each", "per second");
  measure_token("RS256", TestKey::rsa(), seconds);
  measure_token("ES256", corp_key(), seconds);
  measure_token("EdDSA", TestKey::ed25519(1), seconds);
  measure_certificate(mesh, seconds);
  Bench bench(mesh);
  const TestIdentity client = mesh.client();
  bench.measure("HTTPS, new connection, RS256 token", bench.token("RS256"), nullptr, false, seconds);
  bench.measure("HTTPS, new connection, ES256 token", bench.token("ES256"), nullptr, false, seconds);
  bench.measure("HTTPS, new connection, certificate", "", &client, false, seconds);
  bench.measure("HTTPS, new connection, enrolment key", enrolment_secret, nullptr, false, seconds);
  bench.measure("HTTPS, kept connection, RS256 token", bench.token("RS256"), nullptr, true, seconds);
  bench.measure("HTTPS, kept connection, ES256 token", bench.token("ES256"), nullptr, true, seconds);
  bench.measure("HTTPS, kept connection, enrolment key", enrolment_secret, nullptr, true, seconds);
  return 0;
}
