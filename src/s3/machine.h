// Machine: the seams of a client as they are in production: libcurl, the clock and the randomness
// of the machine, the environment of the process.
//
//     Machine machine;
//     const auto client = TALEA_TRY(Client::create(options, machine.seams()));
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "io/posix_file_system.h"
#include "s3/client.h"
#include "s3/curl_transport.h"

namespace talea::s3 {

/// Threads: safe. Outlives the clients that are made with it; one is enough for all of them, and
/// shares connections between them.
class Machine {
 public:
  /// Trusts the certificates of AWS_CA_BUNDLE, or of SSL_CERT_FILE, where one is set.
  Machine();

  ClientSeams seams();

 private:
  SystemClock clock_;
  SystemRandom random_;
  PosixFileSystem files_;
  CurlTransport transport_;
};

}  // namespace talea::s3
