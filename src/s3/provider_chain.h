// Where credentials are looked for, in which order:
//
//     1  the options: credentials, or a callback
//     2  a profile that the options name: that alone
//     3  the environment: AWS_ACCESS_KEY_ID ...
//     4  the environment: AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN
//     5  the profile of AWS_PROFILE, or "default"
//     6  the endpoint of a container
//     7  the metadata of an EC2 instance
//
// The first that has some is taken. One that is there and broken ends the search with its error: to
// go on with other credentials than were meant would be worse.
#pragma once

#include "s3/client.h"
#include "s3/credentials.h"

namespace talea::s3 {

/// `seams` outlive it. `region`: of STS.
CredentialProvider make_provider(const S3Options& options, const ClientSeams& seams,
                                 const std::string& region);

}  // namespace talea::s3
