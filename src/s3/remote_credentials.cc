#include "s3/remote_credentials.h"

#include <pugixml.hpp>
#include <utility>

#include "s3/json.h"
#include "s3/sender.h"
#include "s3/time_text.h"
#include "s3/uri.h"

namespace talea::s3 {
namespace {

constexpr int kAttempts = 3;
constexpr std::uint64_t kAnswerBytesMax = 1U << 20;
// Whoever is not on an EC2 instance waits for this.
constexpr std::chrono::milliseconds kInstanceTimeout{1'000};
constexpr std::chrono::milliseconds kContainerTimeout{2'000};
constexpr std::chrono::milliseconds kStsTimeout{10'000};
constexpr std::string_view kInstanceHost = "http://169.254.169.254";
constexpr std::string_view kContainerHost = "http://169.254.170.2";

using Found = std::optional<S3Credentials>;

// The answer, whatever its status, to one of a few attempts. Nothing here does harm when it is done
// twice.
Result<HttpResponse> ask(const ClientSeams& seams, const HttpRequest& request) {
  for (int attempt = 1;; ++attempt) {
    Result<HttpResponse> response = seams.transport.send(request);
    const Code code = response.status().code();
    const bool is_over = response.ok() ? response->status < 500 && response->status != 429
                                       : code != Code::timed_out && code != Code::unavailable &&
                                             code != Code::not_found;
    if (is_over || attempt == kAttempts) return response;
    const auto span = static_cast<std::uint64_t>(kBackoffFirst.count()) << attempt;
    seams.wait(std::chrono::milliseconds(seams.random.next_u64() % (span + 1)));
  }
}

HttpRequest request_to(std::string_view method, std::string url,
                       std::chrono::milliseconds timeout) {
  HttpRequest request;
  request.method = method;
  request.url = std::move(url);
  request.timeout = timeout;
  request.answer_bytes_max = kAnswerBytesMax;
  return request;
}

Status refused(std::string_view who, const HttpResponse& response) {
  return Status::unauthenticated(std::string(who) + " answered " + std::to_string(response.status) +
                                 " when asked for credentials");
}

Result<Found> credentials_of(std::string_view who, const std::string& id, const std::string& secret,
                             const std::string& token, const std::string& expiration) {
  const auto expires_at_ms = parse_xml_time(expiration);
  if (id.empty() || secret.empty() || !expires_at_ms) {
    return Status::corruption("the answer of " + std::string(who) + " has no credentials");
  }
  return Found({.access_key_id = id,
                .secret_access_key = secret,
                .session_token = token,
                .expires_at_ms = expires_at_ms});
}

// As an instance and a container say it.
Result<Found> parse_json_credentials(std::string_view who, BytesView json) {
  const auto members = parse_json_strings(json);
  if (!members) return Status::corruption("the answer of " + std::string(who) + " is no JSON");
  const auto member = [&](const char* name) {
    const auto found = members->find(name);
    return found == members->end() ? std::string() : found->second;
  };
  return credentials_of(who, member("AccessKeyId"), member("SecretAccessKey"), member("Token"),
                        member("Expiration"));
}

std::string without_end_of_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

Result<std::string> read_token(const ClientSeams& seams, const std::string& path) {
  FileSystem* const files = seams.environment.files;
  std::optional<Bytes> text;
  if (files != nullptr) text = TALEA_TRY(read_small_file(*files, path));
  if (!text) return Status::unauthenticated("the token file " + path + " is not there");
  std::string token = without_end_of_line(std::move(*text));
  if (token.empty() || token.find_first_of("\r\n") != std::string::npos) {
    return Status::unauthenticated("the token file " + path + " does not hold one line");
  }
  return token;
}

// --- STS

std::string form(const Query& fields) { return encode_query(fields); }

Result<Found> parse_sts(BytesView xml) {
  pugi::xml_document document;
  document.load_buffer(xml.data(), xml.size());
  const pugi::xml_node credentials = document.child("AssumeRoleWithWebIdentityResponse")
                                         .child("AssumeRoleWithWebIdentityResult")
                                         .child("Credentials");
  return credentials_of(
      "STS", credentials.child_value("AccessKeyId"), credentials.child_value("SecretAccessKey"),
      credentials.child_value("SessionToken"), credentials.child_value("Expiration"));
}

Result<Found> ask_sts(const ClientSeams& seams, const WebIdentity& identity) {
  const std::string token = TALEA_TRY(read_token(seams, identity.token_file));
  const std::string name = identity.session_name.empty()
                               ? "talea-" + std::to_string(seams.clock.wall_ms())
                               : identity.session_name;
  // In the body, so that the token is in no URL that somebody logs.
  const std::string body = form({{"Action", "AssumeRoleWithWebIdentity"},
                                 {"Version", "2011-06-15"},
                                 {"RoleArn", identity.role_arn},
                                 {"RoleSessionName", name},
                                 {"WebIdentityToken", token}});
  const std::string host =
      first_variable(seams.environment, {"AWS_ENDPOINT_URL_STS"})
          .value_or("https://sts." + identity.region +
                    (identity.region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com"));
  HttpRequest request = request_to("POST", host + "/", kStsTimeout);
  request.headers = {{"content-type", "application/x-www-form-urlencoded"}};
  request.body = body;
  const HttpResponse response = TALEA_TRY(ask(seams, request));
  if (response.status != 200) {
    pugi::xml_document document;
    document.load_buffer(response.body.data(), response.body.size());
    const std::string code = document.child("ErrorResponse").child("Error").child_value("Code");
    Status status = refused("STS", response);
    return code.empty() ? status
                        : Status::unauthenticated(std::string(status.message()) + ": " +
                                                  code.substr(0, 100));
  }
  return parse_sts(response.body);
}

// --- Containers

Result<std::string> container_token(const ClientSeams& seams) {
  const auto file = first_variable(seams.environment, {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"});
  if (file) return read_token(seams, *file);
  const std::string token =
      first_variable(seams.environment, {"AWS_CONTAINER_AUTHORIZATION_TOKEN"}).value_or("");
  if (token.find_first_of("\r\n") != std::string::npos) {
    return Status::unauthenticated("AWS_CONTAINER_AUTHORIZATION_TOKEN is not one line");
  }
  return token;
}

Result<Found> ask_container(const ClientSeams& seams) {
  const auto relative =
      first_variable(seams.environment, {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"});
  const auto full = first_variable(seams.environment, {"AWS_CONTAINER_CREDENTIALS_FULL_URI"});
  if (!relative && !full) return Found();
  const std::string url = relative ? std::string(kContainerHost) + *relative : *full;
  if (!url.starts_with("https://") && !is_http_to_this_machine(url)) {
    return Status::unauthenticated(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor an address of this machine");
  }
  HttpRequest request = request_to("GET", url, kContainerTimeout);
  const std::string token = TALEA_TRY(container_token(seams));
  if (!token.empty()) request.headers.push_back({"authorization", token});
  const HttpResponse response = TALEA_TRY(ask(seams, request));
  if (response.status != 200) return refused("the endpoint of the container", response);
  return parse_json_credentials("the endpoint of the container", response.body);
}

// --- Instances

Result<Found> ask_instance(const ClientSeams& seams) {
  if (first_variable(seams.environment, {"AWS_EC2_METADATA_DISABLED"}) == "true") return Found();
  const std::string host = first_variable(seams.environment, {"AWS_EC2_METADATA_SERVICE_ENDPOINT"})
                               .value_or(std::string(kInstanceHost));
  HttpRequest request = request_to("PUT", host + "/latest/api/token", kInstanceTimeout);
  request.headers = {{"x-aws-ec2-metadata-token-ttl-seconds", "21600"}};
  // Once: most machines are no instances, and there nobody answers. Who takes the request and does
  // not answer is there and slow.
  Result<HttpResponse> token = seams.transport.send(request);
  if (token.status().code() == Code::timed_out) token = TALEA_TRY(ask(seams, request));
  if (!token.ok() || token->status != 200 || token->body.find_first_of("\r\n") != Bytes::npos) {
    return Found();
  }
  const std::string roles = host + "/latest/meta-data/iam/security-credentials/";
  request = request_to("GET", roles, kInstanceTimeout);
  request.headers = {{"x-aws-ec2-metadata-token", token->body}};
  const HttpResponse role = TALEA_TRY(ask(seams, request));
  if (role.status == 404) return Found();  // an instance without a role
  if (role.status != 200) return refused("the metadata of the instance", role);
  const std::string name = without_end_of_line(role.body);
  request.url = roles + percent_encode(name.substr(0, name.find('\n')));
  const HttpResponse response = TALEA_TRY(ask(seams, request));
  if (response.status != 200) return refused("the metadata of the instance", response);
  return parse_json_credentials("the metadata of the instance", response.body);
}

}  // namespace

CredentialProvider web_identity_provider(const ClientSeams& seams, WebIdentity identity) {
  return [&seams, identity = std::move(identity)] { return ask_sts(seams, identity); };
}

CredentialProvider container_provider(const ClientSeams& seams) {
  return [&seams] { return ask_container(seams); };
}

CredentialProvider instance_provider(const ClientSeams& seams) {
  return [&seams] { return ask_instance(seams); };
}

}  // namespace talea::s3
