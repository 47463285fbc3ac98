// Credentials from endpoints: STS for a web identity, the endpoint of a container, and that of an
// EC2 instance. Each is asked a few times, with short timeouts.
#pragma once

#include <string>

#include "s3/client.h"
#include "s3/credentials.h"

namespace talea::s3 {

/// An identity that somebody else vouches for, in a file that is replaced now and then.
struct WebIdentity {
  std::string token_file;
  std::string role_arn;
  std::string session_name;  // empty: one is made
  std::string region;
};

// Each gives nothing when it is not there; when it is and refuses, an error. `seams` outlive the
// provider.

/// STS AssumeRoleWithWebIdentity.
CredentialProvider web_identity_provider(const ClientSeams& seams, WebIdentity identity);
/// AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or AWS_CONTAINER_CREDENTIALS_FULL_URI.
CredentialProvider container_provider(const ClientSeams& seams);
/// Instance metadata, version 2.
CredentialProvider instance_provider(const ClientSeams& seams);

}  // namespace talea::s3
