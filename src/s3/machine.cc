#include "s3/machine.h"

#include <thread>

namespace talea::s3 {

Machine::Machine()
    : transport_({.ca_file = first_variable(process_environment(files_),
                                            {"AWS_CA_BUNDLE", "SSL_CERT_FILE"})
                                 .value_or("")}) {}

ClientSeams Machine::seams() {
  return {.transport = transport_,
          .clock = clock_,
          .random = random_,
          .wait = [](std::chrono::milliseconds span) { std::this_thread::sleep_for(span); },
          .environment = process_environment(files_)};
}

}  // namespace talea::s3
