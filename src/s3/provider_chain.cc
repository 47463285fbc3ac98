#include "s3/provider_chain.h"

#include <utility>
#include <vector>

#include "s3/profile_file.h"
#include "s3/remote_credentials.h"

namespace talea::s3 {
namespace {

using Found = std::optional<S3Credentials>;

CredentialProvider explicit_provider(const S3Credentials& credentials) {
  return [credentials] { return Result<Found>(credentials); };
}

CredentialProvider callback_provider(std::function<Result<S3Credentials>()> callback,
                                     Clock& clock) {
  return [callback = std::move(callback), &clock]() -> Result<Found> {
    S3Credentials credentials = TALEA_TRY(callback());
    if (!credentials.expires_at_ms) {
      // Asked for again an hour from now, which is `kCredentialRefreshMs` before this.
      credentials.expires_at_ms = clock.wall_ms() + kCredentialLifeMs + kCredentialRefreshMs;
    }
    return Found(std::move(credentials));
  };
}

Result<Found> from_environment(const Environment& environment) {
  const auto id = first_variable(environment, {"AWS_ACCESS_KEY_ID"});
  const auto secret = first_variable(environment, {"AWS_SECRET_ACCESS_KEY"});
  if (id.has_value() != secret.has_value()) {
    return Status::unauthenticated(
        "of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only one is set");
  }
  if (!id) return Found();
  return Found({.access_key_id = *id,
                .secret_access_key = *secret,
                .session_token = first_variable(environment, {"AWS_SESSION_TOKEN"}).value_or("")});
}

Result<Found> web_identity_of_environment(const ClientSeams& seams, const std::string& region) {
  const auto file = first_variable(seams.environment, {"AWS_WEB_IDENTITY_TOKEN_FILE"});
  const auto role = first_variable(seams.environment, {"AWS_ROLE_ARN"});
  if (!file || !role) return Found();
  const std::string name =
      first_variable(seams.environment, {"AWS_ROLE_SESSION_NAME"}).value_or("");
  return web_identity_provider(
      seams, {.token_file = *file, .role_arn = *role, .session_name = name, .region = region})();
}

Result<Found> from_settings(const ClientSeams& seams, const std::string& profile,
                            const Settings& settings, const std::string& region) {
  const auto setting = [&](std::string_view name) {
    const auto found = settings.find(name);
    return found == settings.end() ? std::string() : found->second;
  };
  if (!setting("aws_access_key_id").empty() && !setting("aws_secret_access_key").empty()) {
    return Found({.access_key_id = setting("aws_access_key_id"),
                  .secret_access_key = setting("aws_secret_access_key"),
                  .session_token = setting("aws_session_token")});
  }
  if (!setting("web_identity_token_file").empty() && !setting("role_arn").empty()) {
    return web_identity_provider(seams, {.token_file = setting("web_identity_token_file"),
                                         .role_arn = setting("role_arn"),
                                         .session_name = setting("role_session_name"),
                                         .region = region})();
  }
  for (const char* name : {"source_profile", "credential_process", "sso_session", "sso_start_url",
                           "credential_source"}) {
    if (settings.contains(name)) {
      return Status::unsupported("the profile \"" + profile + "\" has " + name +
                                 ", which is not supported: give credentials, or a callback");
    }
  }
  return Found();
}

Result<Found> from_profile(const ClientSeams& seams, const std::string& name,
                           const std::string& region) {
  const auto settings = TALEA_TRY(load_profile(seams.environment, name));
  const std::string profile = profile_name(seams.environment, name);
  const Found found =
      settings ? TALEA_TRY(from_settings(seams, profile, *settings, region)) : Found();
  // A profile that somebody named is meant.
  const bool is_named = !name.empty() || first_variable(seams.environment, {"AWS_PROFILE"});
  if (!found && is_named) {
    return Status::unauthenticated("the profile \"" + profile +
                                   "\" is not there, or has no "
                                   "credentials");
  }
  return found;
}

}  // namespace

CredentialProvider make_provider(const S3Options& options, const ClientSeams& seams,
                                 const std::string& region) {
  if (options.credentials) return explicit_provider(*options.credentials);
  if (options.credential_provider) {
    return callback_provider(options.credential_provider, seams.clock);
  }
  if (!options.profile.empty()) {
    return [&seams, profile = options.profile, region] {
      return from_profile(seams, profile, region);
    };
  }
  const std::vector<CredentialProvider> chain = {
      [&seams] { return from_environment(seams.environment); },
      [&seams, region] { return web_identity_of_environment(seams, region); },
      [&seams, region] { return from_profile(seams, "", region); }, container_provider(seams),
      instance_provider(seams)};
  return [chain]() -> Result<Found> {
    for (const CredentialProvider& provider : chain) {
      const Found found = TALEA_TRY(provider());
      if (found) return found;
    }
    return Found();
  };
}

}  // namespace talea::s3
