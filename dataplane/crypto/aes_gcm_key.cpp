#include "dataplane/crypto/aes_gcm_key.hpp"

#include <sys/mman.h>

#include <memory>
#include <mutex>
#include <new>

namespace sallyport::dataplane {
namespace {

struct FreeExpander {
  void operator()(IMB_MGR* manager) const noexcept { free_mb_mgr(manager); }
};

// Keys in chunks of a huge page's size, aligned to it: ten thousand sessions shall not cost ten thousand pages of
// address translation. Free places are listed; chunks are never given back, as sessions come again.
class KeyMemory {
 public:
  ExpandedAesKey* take() noexcept {
    const std::lock_guard lock(mutex_);
    if (free_ == nullptr && !grow()) return nullptr;
    FreePlace* const place = free_;
    free_ = place->next;
    ++in_use_;
    return new (place) ExpandedAesKey;
  }

  void give_back(const ExpandedAesKey* key) noexcept {
    auto* const place = const_cast<ExpandedAesKey*>(key);
    explicit_bzero(place, sizeof *place);
    const std::lock_guard lock(mutex_);
    free_ = new (place) FreePlace{free_};
    --in_use_;
  }

  [[nodiscard]] std::size_t in_use() noexcept {
    const std::lock_guard lock(mutex_);
    return in_use_;
  }

 private:
  struct FreePlace {
    FreePlace* next;
  };
  static constexpr std::size_t chunk_bytes = 2U << 20U;

  bool grow() noexcept {
    void* const mapped =
        mmap(nullptr, 2 * chunk_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) return false;
    auto* const begin = static_cast<std::uint8_t*>(mapped);
    const std::size_t before = -reinterpret_cast<std::uintptr_t>(begin) % chunk_bytes;
    std::uint8_t* const chunk = begin + before;
    if (before != 0) munmap(begin, before);
    munmap(chunk + chunk_bytes, chunk_bytes - before);
    madvise(chunk, chunk_bytes, MADV_DONTDUMP);
    madvise(chunk, chunk_bytes, MADV_HUGEPAGE);
    mlock(chunk, chunk_bytes);  // without the right to, keys are where session keys without huge pages are, too
    for (std::size_t at = 0; at + sizeof(ExpandedAesKey) <= chunk_bytes; at += sizeof(ExpandedAesKey))
      free_ = new (chunk + at) FreePlace{free_};
    return true;
  }

  std::mutex mutex_;
  FreePlace* free_ = nullptr;
  std::size_t in_use_ = 0;
};

// Never destroyed: keys of static storage may outlive any order of destruction.
KeyMemory& key_memory() noexcept {
  alignas(KeyMemory) static std::byte place[sizeof(KeyMemory)];
  static KeyMemory* const memory = new (place) KeyMemory;
  return *memory;
}

// A manager that does nothing else: expanding needs its table of functions alone, which nobody changes after its start.
IMB_MGR* expander() noexcept {
  static const std::unique_ptr<IMB_MGR, FreeExpander> manager = [] {
    std::unique_ptr<IMB_MGR, FreeExpander> made(alloc_mb_mgr(0));
    IMB_ARCH architecture = IMB_ARCH_NONE;
    if (made != nullptr) init_mb_mgr_auto(made.get(), &architecture);
    if (architecture < IMB_ARCH_SSE) made.reset();
    return made;
  }();
  return manager.get();
}

}  // namespace

const ExpandedAesKey* expand_aes_gcm_key(AeadAlgorithm algorithm, const std::uint8_t* key) noexcept {
  IMB_MGR* const manager = expander();
  if (manager == nullptr) return nullptr;
  ExpandedAesKey* const expanded = key_memory().take();
  if (expanded == nullptr) return nullptr;
  switch (key_bytes_of(algorithm)) {
    case 16:
      IMB_AES128_GCM_PRE(manager, key, &expanded->library);
      break;
    case 24:
      IMB_AES192_GCM_PRE(manager, key, &expanded->library);
      break;
    default:
      IMB_AES256_GCM_PRE(manager, key, &expanded->library);
      break;
  }
  static const gcm::Way* const way = best_gcm_way();
  if (way != nullptr) way->make_powers(expanded->library.expanded_keys, rounds_of(algorithm), expanded->powers);
  return expanded;
}

const gcm::Way* best_gcm_way() noexcept {
  return gcm::aesni.supported() ? &gcm::aesni : nullptr;
}

void wipe_and_free(const ExpandedAesKey* key) noexcept {
  key_memory().give_back(key);
}

std::size_t expanded_aes_keys_in_use() noexcept {
  return key_memory().in_use();
}

}  // namespace sallyport::dataplane
