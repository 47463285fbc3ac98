// The files ~/.aws/config and ~/.aws/credentials: profiles with settings.
//
//     [default]                    credentials, and config
//     aws_access_key_id = AKIA...
//     [profile work]               config; in credentials it is [work]
//     region = eu-west-1
//
// What is not understood is passed over, as other programs put their own there: nested settings,
// other sections. A line of "#" or ";" is a comment.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "s3/environment.h"
#include "talea/s3.h"

namespace talea::s3 {

using Settings = std::map<std::string, std::string, std::less<>>;
/// By name of the profile.
using Profiles = std::map<std::string, Settings, std::less<>>;

enum class ProfileFile : unsigned char { config, credentials };
Profiles parse_profiles(BytesView text, ProfileFile kind);

/// The settings of a profile from both files; those of the credentials file win. Nothing when no
/// file has it. `name`: empty for AWS_PROFILE, "default".
/// Errors: denied, io_error   a file is there and cannot be read
Result<std::optional<Settings>> load_profile(const Environment& environment,
                                             const std::string& name);
/// What `name` stands for.
std::string profile_name(const Environment& environment, const std::string& name);

}  // namespace talea::s3
