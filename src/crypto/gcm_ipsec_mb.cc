// AES-256-GCM of intel-ipsec-mb. A key is expanded once; a text needs no more than a context on the
// stack, so that any number of threads may be at it. (Each call also sets an error number of the
// library's that all threads share, and that nobody here reads.)
#include "crypto/gcm.h"

#ifdef TALEA_WITH_IPSEC_MB

#include <intel-ipsec-mb.h>

#include "base/assert.h"

namespace talea {
namespace {

// The functions for this processor; null when it lacks the instructions. Made once in a process,
// and never freed: nothing in it changes afterwards.
const IMB_MGR* functions() {
  static const IMB_MGR* const made = []() -> const IMB_MGR* {
    IMB_MGR* const manager = alloc_mb_mgr(0);
    if (manager == nullptr) return nullptr;
    init_mb_mgr_auto(manager, nullptr);
    std::uint64_t needed = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ;
    if ((manager->features & IMB_FEATURE_SELF_TEST) != 0) needed |= IMB_FEATURE_SELF_TEST_PASS;
    if ((manager->features & needed) == needed) return manager;
    free_mb_mgr(manager);
    return nullptr;
  }();
  return made;
}

class IpsecMbGcm final : public GcmCipher {
 public:
  IpsecMbGcm(const IMB_MGR* functions, const SecretKey& key) : functions_(functions) {
    IMB_AES256_GCM_PRE(functions_, key.bytes().data(), &key_);
  }
  ~IpsecMbGcm() override { wipe({reinterpret_cast<unsigned char*>(&key_), sizeof key_}); }
  IpsecMbGcm(const IpsecMbGcm&) = delete;
  IpsecMbGcm& operator=(const IpsecMbGcm&) = delete;

  Tag encrypt(const Nonce& nonce, BytesView associated, BytesView first, BytesView second,
              char* out) const override {
    gcm_context_data context;
    Tag tag;
    if (first.empty() || second.empty()) {
      const BytesView all = first.empty() ? second : first;
      IMB_AES256_GCM_ENC(functions_, &key_, &context, at(out), at(all), all.size(), nonce.data(),
                         at(associated), associated.size(), tag.data(), tag.size());
      return tag;
    }
    IMB_AES256_GCM_INIT(functions_, &key_, &context, nonce.data(), at(associated),
                        associated.size());
    IMB_AES256_GCM_ENC_UPDATE(functions_, &key_, &context, at(out), at(first), first.size());
    IMB_AES256_GCM_ENC_UPDATE(functions_, &key_, &context, at(out + first.size()), at(second),
                              second.size());
    IMB_AES256_GCM_ENC_FINALIZE(functions_, &key_, &context, tag.data(), tag.size());
    return tag;
  }

  bool decrypt(const Nonce& nonce, BytesView associated, BytesView hidden, const Tag& tag,
               char* out) const override {
    gcm_context_data context;
    Tag found;
    IMB_AES256_GCM_DEC(functions_, &key_, &context, at(out), at(hidden), hidden.size(),
                       nonce.data(), at(associated), associated.size(), found.data(), found.size());
    return equal_in_constant_time(view_of(found), view_of(tag));
  }

  void peek(const Nonce& nonce, BytesView hidden, char* out) const override {
    gcm_context_data context;
    IMB_AES256_GCM_INIT(functions_, &key_, &context, nonce.data(), at({}), 0);
    IMB_AES256_GCM_DEC_UPDATE(functions_, &key_, &context, at(out), at(hidden), hidden.size());
  }

 private:
  // Never null: the library takes null for a mistake, whatever the length.
  static const std::uint8_t* at(BytesView view) {
    return reinterpret_cast<const std::uint8_t*>(view.empty() ? "" : view.data());
  }
  static std::uint8_t* at(char* to) { return reinterpret_cast<std::uint8_t*>(to); }
  static BytesView view_of(const Tag& tag) {
    return {reinterpret_cast<const char*>(tag.data()), tag.size()};
  }

  const IMB_MGR* const functions_;
  // The library's own attribute asks for this where it knows the system.
  alignas(64) gcm_key_data key_;
};

}  // namespace

std::unique_ptr<const GcmCipher> make_ipsec_mb_gcm(const SecretKey& key) {
  const IMB_MGR* const found = functions();
  if (found == nullptr) return nullptr;
  return std::make_unique<const IpsecMbGcm>(found, key);
}

}  // namespace talea

#else

namespace talea {

std::unique_ptr<const GcmCipher> make_ipsec_mb_gcm(const SecretKey&) { return nullptr; }

}  // namespace talea

#endif
