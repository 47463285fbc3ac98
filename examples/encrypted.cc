// A store whose files say nothing without its key: made, read, refused, and given another key.
//
//     encrypted DIRECTORY
#include <talea/engine.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>

namespace {

namespace fs = std::filesystem;

// What `openssl rand 32` does, with access for the owner alone. Keep a copy: without it the store
// is lost.
void make_key(const fs::path& file) {
  std::ofstream(file).close();
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
  std::random_device random;
  std::ofstream out(file, std::ios::binary);
  for (int i = 0; i < 32; ++i) out.put(static_cast<char>(random()));
}

bool is_in_files(const fs::path& directory, const std::string& text) {
  for (const fs::directory_entry& file : fs::directory_iterator(directory)) {
    std::ifstream in(file.path(), std::ios::binary);
    const std::string content(std::istreambuf_iterator<char>(in), {});
    if (content.find(text) != std::string::npos) return true;
  }
  return false;
}

void try_to_open(const std::string& directory, const talea::Options& options) {
  const auto opened = talea::Engine::open(directory, options);
  std::cout << (opened.ok() ? "it opens" : talea::code_name(opened.status().code())) << "\n";
}

talea::Status run(const std::string& directory) {
  fs::create_directories(directory);
  const std::string store = directory + "/store";
  talea::Options options;
  options.encryption.key_file = directory + "/first.key";
  make_key(options.encryption.key_file);

  talea::Engine engine = TALEA_TRY(talea::Engine::open(store, options));
  TALEA_TRY(engine.put("patient/4711", "a rare disease"));
  std::cout << "read: " << TALEA_TRY(engine.get("patient/4711")).value_or("nothing") << "\n";
  TALEA_TRY(engine.checkpoint());
  const bool is_told = is_in_files(store, "patient") || is_in_files(store, "disease");
  std::cout << "its files tell " << (is_told ? "something" : "nothing") << "\n";

  // Another master key; what is written is not touched. Then other data keys as well, for what is
  // written from now on and, by and by, for the rest.
  talea::Encryption second;
  second.key_file = directory + "/second.key";
  make_key(second.key_file);
  TALEA_TRY(engine.rotate_master_key(second));
  std::cout << "data key " << TALEA_TRY(engine.rotate_data_key()) << "\n";
  TALEA_TRY(engine.put("patient/4712", "in good health"));
  TALEA_TRY(engine.close());

  try_to_open(store, {});
  try_to_open(store, options);
  options.encryption = second;
  try_to_open(store, options);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const talea::Status status = run(argc > 1 ? argv[1] : "./data");
  if (!status.ok()) std::cerr << status.to_string() << "\n";
  return status.ok() ? 0 : 1;
}

// Prints:
//
//     read: a rare disease
//     its files tell nothing
//     data key 2
//     unauthenticated
//     denied
//     it opens
