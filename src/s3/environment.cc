#include "s3/environment.h"

#include <cstdlib>

#include "talea/limits.h"

namespace talea::s3 {
namespace {

constexpr std::uint64_t kSmallFileBytesMax = 1 * kMiB;

}  // namespace

Environment process_environment(FileSystem& files) {
  const auto variable = [](const std::string& name) -> std::optional<std::string> {
    const char* const value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  };
  return {.variable = variable, .files = &files};
}

Environment empty_environment() {
  return {.variable = [](const std::string&) { return std::nullopt; }, .files = nullptr};
}

std::optional<std::string> first_variable(const Environment& environment,
                                          std::initializer_list<const char*> names) {
  for (const char* const name : names) {
    const std::optional<std::string> value = environment.variable(name);
    if (value && !value->empty()) return value;
  }
  return std::nullopt;
}

Result<std::optional<Bytes>> read_small_file(FileSystem& files, const std::string& path) {
  const auto file = files.open(path, OpenMode::read);
  if (file.status().code() == Code::not_found) return std::optional<Bytes>();
  if (!file.ok()) return file.status();
  const std::uint64_t size = TALEA_TRY((*file)->size());
  if (size > kSmallFileBytesMax) {
    return Status::invalid_argument(path + " has " + std::to_string(size) +
                                    " bytes, which is more than such a file can have");
  }
  Bytes bytes(static_cast<std::size_t>(size), '\0');
  bytes.resize(TALEA_TRY((*file)->pread(0, bytes.data(), bytes.size())));
  return std::optional(std::move(bytes));
}

}  // namespace talea::s3
