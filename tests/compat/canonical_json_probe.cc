// For canonical_json_peers_test.py: prints each line of JSON from standard input in both canonical
// forms, a line each; `refused` for what is refused.
#include <iostream>
#include <string>

#include "codec/canonical_json.h"

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    for (const auto form : {talea::JsonForm::python, talea::JsonForm::typescript}) {
      const auto printed = talea::canonical_json(line, form);
      std::cout << (printed.ok() ? *printed : "refused") << '\n';
    }
  }
  return 0;
}
