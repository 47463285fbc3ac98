// Puts and gets through the C++ interface. Argument: a directory that is absent.
#include <talea/engine.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  talea::Result<talea::Engine> opened = talea::Engine::open(argv[1]);
  if (!opened.ok()) {
    std::cerr << opened.status().to_string() << "\n";
    return 1;
  }
  if (!opened->put("alpha", "bravo").ok()) return 1;
  const talea::Result<std::optional<talea::Bytes>> value = opened->get("alpha");
  if (!value.ok() || *value != "bravo") return 1;
  return opened->close().ok() ? 0 : 1;
}
