// Signs requests that it reads, for sigv4_test.py: a line each, with fields in hexadecimal.
//
//     in:   method path query headers body region access-key-id secret token time
//     out:  encoded path, encoded query and authorization, separated by tabs
//
// A field that is empty is "-". Query and headers are name=value, separated by commas.
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "s3/sigv4.h"
#include "s3/time_text.h"
#include "s3/uri.h"

namespace {

using talea::s3::Query;

std::string unhex(const std::string& text) {
  if (text == "-") return {};
  std::string percent;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) percent += "%" + text.substr(i, 2);
  return talea::s3::percent_decode(percent).value_or("");
}

Query pairs(const std::string& text) {
  Query result;
  if (text == "-") return result;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const std::size_t equals = part.find('=');
    result.emplace_back(unhex(part.substr(0, equals)), unhex(part.substr(equals + 1)));
  }
  return result;
}

std::string signed_line(const std::vector<std::string>& fields) {
  const std::string method = unhex(fields[0]);
  const std::string path = talea::s3::encode_path(unhex(fields[1]));
  const std::string query = talea::s3::encode_query(pairs(fields[2]));
  std::vector<talea::s3::HttpHeader> headers;
  for (auto& [name, value] : pairs(fields[3])) headers.push_back({name, value});
  const std::string body_hash = talea::to_hex(talea::Sha256::of(unhex(fields[4])));
  const std::string region = unhex(fields[5]);
  const talea::S3Credentials credentials{.access_key_id = unhex(fields[6]),
                                         .secret_access_key = unhex(fields[7]),
                                         .session_token = unhex(fields[8])};
  talea::s3::sign(
      {.method = method, .path = path, .query = query, .payload_hash = body_hash}, credentials,
      {.time_ms = talea::s3::parse_amz_time(unhex(fields[9])).value_or(0), .region = region},
      headers);
  return path + "\t" + query + "\t" + headers.back().value;
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::vector<std::string> fields;
    for (std::string word; words >> word;) fields.push_back(word);
    if (fields.size() != 10) {
      std::fprintf(stderr, "sigv4_program: %zu fields in place of 10\n", fields.size());
      return 2;
    }
    std::cout << signed_line(fields) << "\n";
  }
  return 0;
}
