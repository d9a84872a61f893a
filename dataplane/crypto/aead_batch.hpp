// AeadBatch: the one interface to authenticated encryption that stages see. A stage fills one AeadJob for each packet
// of a burst - every packet may belong to another session - and hands all of them to its worker's engine in one call.
// Which engine that is was decided at start (engine_selection.hpp) and proven there (known_answer_tests.hpp).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace sallyport::dataplane {

inline constexpr std::size_t aead_key_bytes = 32;
inline constexpr std::size_t aead_nonce_bytes = 12;
inline constexpr std::uint32_t aead_tag_bytes = 16;
// No engine takes more: a longer text is no IP packet, and longer associated data is none of WireGuard's or ESP's.
inline constexpr std::uint32_t aead_longest_text_bytes = 65'535;
inline constexpr std::uint16_t aead_longest_aad_bytes = 64;

// `none` is a key that was never installed or has been wiped; every engine refuses it.
enum class AeadAlgorithm : std::uint8_t { none = 0, chacha20_poly1305, aes_128_gcm, aes_192_gcm, aes_256_gcm };

inline constexpr std::array<AeadAlgorithm, 4> aead_algorithms = {AeadAlgorithm::chacha20_poly1305,
                                                                 AeadAlgorithm::aes_128_gcm, AeadAlgorithm::aes_192_gcm,
                                                                 AeadAlgorithm::aes_256_gcm};

[[nodiscard]] constexpr bool is_aes_gcm(AeadAlgorithm algorithm) noexcept {
  return algorithm >= AeadAlgorithm::aes_128_gcm && algorithm <= AeadAlgorithm::aes_256_gcm;
}
[[nodiscard]] constexpr std::size_t key_bytes_of(AeadAlgorithm algorithm) noexcept {
  if (algorithm == AeadAlgorithm::aes_128_gcm) return 16;
  return algorithm == AeadAlgorithm::aes_192_gcm ? 24 : aead_key_bytes;
}
[[nodiscard]] constexpr const char* name_of(AeadAlgorithm algorithm) noexcept {
  constexpr std::array<const char*, 5> names = {"none", "chacha20poly1305", "aes128gcm", "aes192gcm", "aes256gcm"};
  return names[static_cast<std::size_t>(algorithm)];
}

// What AES makes of a key before the first packet: aes_gcm_key.hpp.
struct ExpandedAesKey;
[[nodiscard]] const ExpandedAesKey* expand_aes_gcm_key(AeadAlgorithm algorithm, const std::uint8_t* key) noexcept;
void wipe_and_free(const ExpandedAesKey* key) noexcept;

// A session's key, in a cache line of its own. All zero bytes are a valid, wiped key, so tables of sessions may come
// straight from zeroed memory. Not copyable: it lives where it was installed. The expanded key of AES-GCM, of more than
// a kilobyte, hangs from here, so that a ChaCha20 session does not pay for it (decisions/0003-aes-keys-apart.md).
class alignas(64) AeadKey {
 public:
  AeadKey() noexcept = default;
  AeadKey(const AeadKey&) = delete;
  AeadKey& operator=(const AeadKey&) = delete;
  ~AeadKey() { wipe(); }

  // Never on the packet path: an AES key is expanded, into memory that may have to be had from the system. An algorithm
  // with a shorter key takes the first key_bytes_of() bytes. False: there was no memory; the key is then a wiped one.
  bool install(AeadAlgorithm algorithm, std::span<const std::uint8_t, aead_key_bytes> bytes) noexcept {
    wipe();
    if (is_aes_gcm(algorithm)) {
      expanded_aes_ = expand_aes_gcm_key(algorithm, bytes.data());
      if (expanded_aes_ == nullptr) return false;
    }
    std::copy_n(bytes.begin(), key_bytes_of(algorithm), bytes_.begin());
    algorithm_ = algorithm;
    return true;
  }
  // When no engine can be using it any more: an expanded key is wiped too, and given back.
  void wipe() noexcept {
    algorithm_ = AeadAlgorithm::none;
    explicit_bzero(bytes_.data(), bytes_.size());
    if (expanded_aes_ != nullptr) wipe_and_free(expanded_aes_);
    expanded_aes_ = nullptr;
  }
  [[nodiscard]] AeadAlgorithm algorithm() const noexcept { return algorithm_; }
  // Behind a shorter key stand zeros.
  [[nodiscard]] std::span<const std::uint8_t, aead_key_bytes> expose() const noexcept { return bytes_; }
  // Not null for the algorithms of is_aes_gcm(), null for others.
  [[nodiscard]] const ExpandedAesKey* expose_aes() const noexcept { return expanded_aes_; }

 private:
  std::array<std::uint8_t, aead_key_bytes> bytes_{};
  const ExpandedAesKey* expanded_aes_ = nullptr;  // owned
  AeadAlgorithm algorithm_ = AeadAlgorithm::none;
};
static_assert(sizeof(AeadKey) == 64);

// 96 bits as RFC 8439 and NIST SP 800-38D take them. Twelve bytes that travel in the job cost two stores and serve
// WireGuard and ESP alike.
using AeadNonce = std::array<std::uint8_t, aead_nonce_bytes>;

// WireGuard, section 5.4.6: 32 zero bits, then the 64-bit counter, little-endian.
[[nodiscard]] inline AeadNonce wireguard_nonce(std::uint64_t counter) noexcept {
  static_assert(std::endian::native == std::endian::little);
  AeadNonce nonce{};
  std::memcpy(nonce.data() + 4, &counter, sizeof counter);
  return nonce;
}

// ESP, RFC 7634 section 2 and RFC 4106 section 4: the SA's 4-byte salt, then the packet's 8-byte IV as it stands on the
// wire.
[[nodiscard]] inline AeadNonce esp_nonce(const std::uint8_t* four_bytes_salt,
                                         const std::uint8_t* eight_bytes_iv) noexcept {
  AeadNonce nonce;
  std::memcpy(nonce.data(), four_bytes_salt, 4);
  std::memcpy(nonce.data() + 4, eight_bytes_iv, 8);
  return nonce;
}

// One packet. Everything pointed to is borrowed for the call and needs no alignment.
struct AeadJob {
  const AeadKey* key = nullptr;
  // In place. Sealing writes the tag behind the plaintext: aead_tag_bytes must fit behind `length_bytes`.
  std::uint8_t* data = nullptr;
  const std::uint8_t* aad = nullptr;  // nullptr is fine when aad_length_bytes is 0
  std::uint32_t length_bytes = 0;     // seal: of the plaintext; open: of ciphertext and tag
  AeadNonce nonce{};
  std::uint16_t aad_length_bytes = 0;  // WireGuard 0; ESP 8, or 12 with ESN
  bool ok = false;                     // set by the engine for every job; see seal and open
};
static_assert(sizeof(AeadJob) == 48);

// Belongs to one worker: an engine keeps scratch state and may not be called by two threads at once. No call allocates,
// locks or makes a system call. Any number of jobs, none included.
class AeadEngine {
 public:
  AeadEngine() noexcept = default;
  AeadEngine(const AeadEngine&) = delete;
  AeadEngine& operator=(const AeadEngine&) = delete;
  virtual ~AeadEngine() = default;

  [[nodiscard]] virtual const char* name() const noexcept = 0;
  // Which of its ways it took on this processor, "avx512"; empty: it does not say.
  [[nodiscard]] virtual const char* way() const noexcept { return ""; }
  // Jobs whose key is for another algorithm are refused, one by one.
  [[nodiscard]] virtual bool has(AeadAlgorithm algorithm) const noexcept = 0;

  // ok: `length_bytes` of ciphertext and a tag behind them stand in `data`. Not ok (a wiped key or one of an
  // algorithm that the engine lacks, a length above the limits): `data` may hold plaintext and must not be sent.
  virtual void seal(std::span<AeadJob> jobs) noexcept = 0;

  // ok: the tag was right (compared in constant time) and `data` holds length_bytes - aead_tag_bytes of plaintext. Not
  // ok: the tag was wrong, a length below a tag's or above the limits, or the key unusable; `data` then holds nothing
  // of the plaintext: what had been decrypted has been overwritten with zeros.
  virtual void open(std::span<AeadJob> jobs) noexcept = 0;
};

}  // namespace sallyport::dataplane
