// The past of a store: what a key was, who it was before, and the whole store as of a moment.
//
//     time_travel DIRECTORY
#include <talea/engine.h>

#include <iostream>
#include <string>

namespace {

talea::Status print(const std::string& title, talea::Result<talea::Scan> opened) {
  talea::Scan scan = TALEA_TRY(std::move(opened));
  std::cout << title << ":";
  while (TALEA_TRY(scan.next())) std::cout << " " << scan.key() << "=" << TALEA_TRY(scan.value());
  std::cout << "\n";
  return {};
}

talea::Status run(const std::string& directory) {
  talea::Options options;
  options.retention = talea::Retention::all();  // the store keeps to it until it is told otherwise
  talea::Engine engine = TALEA_TRY(talea::Engine::open(directory, options));

  TALEA_TRY(engine.put("price/tea", "3.00"));
  TALEA_TRY(engine.put("price/milk", "1.20"));
  const talea::Sequence monday = TALEA_TRY(engine.put("price/tea", "3.20"));
  TALEA_TRY(engine.put("price/tea", "3.50"));
  TALEA_TRY(engine.remove("price/milk"));

  // Compaction frees the space of what nobody can ask for, and of nothing else.
  TALEA_TRY(engine.compact());
  TALEA_TRY(print("on Monday", engine.scan({.prefix = "price/"}, talea::At::sequence(monday))));
  TALEA_TRY(print("now", engine.scan({.prefix = "price/"})));

  for (const talea::Revision& revision : TALEA_TRY(engine.history("price/tea"))) {
    const std::optional<talea::Versioned> then =
        TALEA_TRY(engine.get("price/tea", talea::At::sequence(revision.sequence)));
    std::cout << "tea, revision " << revision.sequence << ": " << then.value().value << "\n";
  }
  const std::optional<talea::Versioned> before =
      TALEA_TRY(engine.get("price/milk", talea::At::sequence(1)));
  std::cout << "milk before it was there: " << (before ? before->value : "none") << "\n";
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
//     on Monday: price/milk=1.20 price/tea=3.20
//     now: price/tea=3.50
//     tea, revision 4: 3.50
//     tea, revision 3: 3.20
//     tea, revision 1: 3.00
//     milk before it was there: none
