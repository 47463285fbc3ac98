#include "s3/profile_file.h"

#include <utility>

namespace talea::s3 {
namespace {

constexpr std::string_view kBlank = " \t\r";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// "[profile work]" or "[work]"; nothing for a section that is no profile.
std::optional<std::string> profile_of(std::string_view line, ProfileFile kind) {
  const std::size_t end = line.find(']');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view name = trimmed(line.substr(1, end - 1));
  if (kind == ProfileFile::credentials || name == "default") return std::string(name);
  constexpr std::string_view kWord = "profile";
  if (!name.starts_with(kWord) || name.size() == kWord.size() ||
      kBlank.find(name[kWord.size()]) == std::string_view::npos) {
    return std::nullopt;
  }
  return std::string(trimmed(name.substr(kWord.size())));
}

Status add_file(const Environment& environment, const char* variable, const char* name,
                ProfileFile kind, std::string_view profile, std::optional<Settings>& settings) {
  if (environment.files == nullptr) return {};
  std::string path = first_variable(environment, {variable}).value_or("");
  if (path.empty()) {
    const auto home = first_variable(environment, {"HOME"});
    if (!home) return {};
    path = *home + "/.aws/" + name;
  }
  const auto text = TALEA_TRY(read_small_file(*environment.files, path));
  if (!text) return {};
  Profiles profiles = parse_profiles(*text, kind);
  const auto found = profiles.find(profile);
  if (found == profiles.end()) return {};
  if (!settings) settings.emplace();
  for (auto& [setting, value] : found->second) (*settings)[setting] = std::move(value);
  return {};
}

}  // namespace

Profiles parse_profiles(BytesView text, ProfileFile kind) {
  Profiles profiles;
  Settings* current = nullptr;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view whole = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    const std::string_view line = trimmed(whole);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      const auto profile = profile_of(line, kind);
      current = profile ? &profiles[*profile] : nullptr;
      continue;
    }
    const std::size_t equals = line.find('=');
    const bool is_nested = kBlank.find(whole.front()) != std::string_view::npos;
    if (current == nullptr || is_nested || equals == std::string_view::npos) continue;
    (*current)[std::string(trimmed(line.substr(0, equals)))] = trimmed(line.substr(equals + 1));
  }
  return profiles;
}

std::string profile_name(const Environment& environment, const std::string& name) {
  if (!name.empty()) return name;
  return first_variable(environment, {"AWS_PROFILE"}).value_or("default");
}

Result<std::optional<Settings>> load_profile(const Environment& environment,
                                             const std::string& name) {
  const std::string profile = profile_name(environment, name);
  std::optional<Settings> settings;
  TALEA_TRY(
      add_file(environment, "AWS_CONFIG_FILE", "config", ProfileFile::config, profile, settings));
  TALEA_TRY(add_file(environment, "AWS_SHARED_CREDENTIALS_FILE", "credentials",
                     ProfileFile::credentials, profile, settings));
  return settings;
}

}  // namespace talea::s3
