#include "keys/master_key.h"

#include <algorithm>
#include <cstdlib>

namespace talea {
namespace {

constexpr std::size_t kDigits = 2 * SecretKey::kBytes;

int digit_of(char character) {
  if (character >= '0' && character <= '9') return character - '0';
  if (character >= 'a' && character <= 'f') return character - 'a' + 10;
  if (character >= 'A' && character <= 'F') return character - 'A' + 10;
  return -1;
}

// Never shows what was given: it may be most of a key.
Status no_key(const std::string& where, const std::string& form, std::size_t bytes) {
  return Status::invalid_argument(where + " holds no master key: it must be " + form + "; it has " +
                                  std::to_string(bytes) +
                                  " bytes. `openssl rand -hex 32` makes one");
}

bool read_digits(BytesView digits, SecretKey& key) {
  if (digits.size() != kDigits) return false;
  for (std::size_t i = 0; i < SecretKey::kBytes; ++i) {
    const int high = digit_of(digits[2 * i]);
    const int low = digit_of(digits[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    key.bytes()[i] = static_cast<unsigned char>(16 * high + low);
  }
  return true;
}

Result<SecretKey> key_of_bytes(BytesView bytes, const std::string& where) {
  SecretKey key;
  if (bytes.size() == SecretKey::kBytes) {
    std::copy(bytes.begin(), bytes.end(), key.bytes().begin());
    return key;
  }
  BytesView digits = bytes;
  if (digits.size() == kDigits + 1 && digits.back() == '\n') digits.remove_suffix(1);
  if (read_digits(digits, key)) return key;
  return no_key(where, "32 bytes, or 64 hexadecimal digits", bytes.size());
}

Result<SecretKey> key_of_file(FileSystem& file_system, const std::string& path) {
  const std::string where = "the key file " + path;
  const auto opened = file_system.open(path, OpenMode::read);
  // Not `not_found`: that would say that there is no store.
  if (opened.status().code() == Code::not_found) {
    return Status::invalid_argument(where + " is not there");
  }
  if (!opened.ok()) return opened.status();
  const std::unique_ptr<File>& file = *opened;
  if (!TALEA_TRY(file->is_private())) {
    return Status::denied(where +
                          " is not yours alone: it must belong to you or to root (chown), "
                          "and nobody else may read it (chmod 600 " +
                          path + "); make a new key if somebody may have read it");
  }
  const std::uint64_t size = TALEA_TRY(file->size());
  if (size > kDigits + 1) {
    return no_key(where, "32 bytes, or 64 hexadecimal digits", static_cast<std::size_t>(size));
  }
  Bytes bytes;
  TALEA_TRY(read_exactly(*file, 0, size, bytes));
  Result<SecretKey> key = key_of_bytes(bytes, where);
  wipe(bytes);
  return key;
}

Result<SecretKey> key_of_variable(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  if (value == nullptr) {
    return Status::invalid_argument("the environment variable " + name +
                                    ", which is to hold the master key, is not set");
  }
  SecretKey key;
  if (read_digits(value, key)) return key;
  return no_key("the environment variable " + name, "64 hexadecimal digits",
                BytesView(value).size());
}

}  // namespace

Result<SecretKey> load_master_key(FileSystem& file_system, const Encryption& encryption) {
  const int sources = (encryption.key_file.empty() ? 0 : 1) +
                      (encryption.key_variable.empty() ? 0 : 1) +
                      (encryption.key_source == nullptr ? 0 : 1);
  if (sources != 1) {
    return Status::invalid_argument(
        "the master key has one source: a file, an environment variable or a function; " +
        std::to_string(sources) + " are given");
  }
  if (!encryption.key_file.empty()) return key_of_file(file_system, encryption.key_file);
  if (!encryption.key_variable.empty()) return key_of_variable(encryption.key_variable);
  Bytes bytes = TALEA_TRY(encryption.key_source());
  Result<SecretKey> key =
      bytes.size() == SecretKey::kBytes
          ? key_of_bytes(bytes, "it")
          : no_key("what the source of the master key returned", "32 bytes", bytes.size());
  wipe(bytes);
  return key;
}

}  // namespace talea
