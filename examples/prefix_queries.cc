// Keys are in the order of their bytes: what begins alike lies together. So a key that is made of
// parts, from the most general to the most special, answers questions about each of them.
//
//     prefix_queries DIRECTORY
#include <talea/engine.h>

#include <iostream>
#include <string>

namespace {

talea::Status fill(talea::Engine& engine) {
  talea::Batch batch;
  for (const char* day : {"2026-03-01", "2026-03-02", "2026-04-01"}) {
    for (const char* city : {"oslo", "rome"}) {
      batch.put(std::string("weather/") + city + "/" + day, std::string("of ") + day);
    }
  }
  batch.put("weather-stations", "2");  // begins with "weather", not with "weather/"
  return engine.commit(batch).status();
}

talea::Status print(talea::Engine& engine, const std::string& title,
                    const talea::ScanRange& range) {
  std::cout << title << "\n";
  talea::Scan scan = TALEA_TRY(engine.scan(range));
  while (TALEA_TRY(scan.next())) std::cout << "  " << scan.key() << "\n";
  return {};
}

// Pages of two, as a list on a screen: the next one begins behind the last key of the one before.
talea::Status print_pages(talea::Engine& engine) {
  std::string start;
  for (int page = 1;; ++page) {
    talea::Scan scan =
        TALEA_TRY(engine.scan({.prefix = "weather/oslo/", .start = start, .limit = 2}));
    std::string last;
    while (TALEA_TRY(scan.next())) {
      if (last.empty()) std::cout << "page " << page << "\n";
      last = scan.key();
      std::cout << "  " << last << "\n";
    }
    if (last.empty()) return {};
    start = last + '\0';  // the first key that is behind it
  }
}

talea::Status run(const std::string& directory) {
  talea::Engine engine = TALEA_TRY(talea::Engine::open(directory));
  TALEA_TRY(fill(engine));
  TALEA_TRY(print(engine, "one city", {.prefix = "weather/rome/"}));
  TALEA_TRY(print(engine, "March in Oslo",
                  {.start = "weather/oslo/2026-03", .end = "weather/oslo/2026-04"}));
  TALEA_TRY(print(engine, "the newest of Oslo",
                  {.prefix = "weather/oslo/", .reverse = true, .limit = 1}));
  TALEA_TRY(print_pages(engine));
  return engine.close();
}

}  // namespace

int main(int argc, char** argv) {
  const talea::Status status = run(argc > 1 ? argv[1] : "./data");
  if (!status.ok()) std::cerr << status.to_string() << "\n";
  return status.ok() ? 0 : 1;
}

// Prints:
//
//     one city
//       weather/rome/2026-03-01
//       weather/rome/2026-03-02
//       weather/rome/2026-04-01
//     March in Oslo
//       weather/oslo/2026-03-01
//       weather/oslo/2026-03-02
//     the newest of Oslo
//       weather/oslo/2026-04-01
//     page 1
//       weather/oslo/2026-03-01
//       weather/oslo/2026-03-02
//     page 2
//       weather/oslo/2026-04-01
