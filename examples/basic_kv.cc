// The first steps: open, put, get, remove, and a batch that happens as a whole or not at all.
//
//     basic_kv DIRECTORY
#include <talea/engine.h>

#include <iostream>
#include <string>

namespace {

// Takes `amount` from one account and adds it to another. Whoever changes one of them between our
// reads and our commit makes that a conflict, and we start again: no amount is lost or made.
talea::Status transfer(talea::Engine& bank, const std::string& from, const std::string& to,
                       int amount) {
  while (true) {
    const std::optional<talea::Versioned> source = TALEA_TRY(bank.get_versioned(from));
    const std::optional<talea::Versioned> target = TALEA_TRY(bank.get_versioned(to));
    if (!source || !target) return talea::Status::not_found("no such account");
    const int left = std::stoi(source->value) - amount;
    if (left < 0) return talea::Status::conflict(from + " has only " + source->value);

    talea::Batch batch;
    batch.require_revision(from, source->revision).require_revision(to, target->revision);
    batch.put(from, std::to_string(left));
    batch.put(to, std::to_string(std::stoi(target->value) + amount));
    const talea::Result<talea::Sequence> committed = bank.commit(batch);
    if (committed.ok()) return {};
    if (committed.status().code() != talea::Code::conflict) return committed.status();
  }
}

talea::Status run(const std::string& directory) {
  talea::Engine engine = TALEA_TRY(talea::Engine::open(directory));  // created when it is absent
  TALEA_TRY(engine.put("greeting", "hello"));                        // on the disk when it returns
  std::cout << "greeting: " << TALEA_TRY(engine.get("greeting")).value_or("none") << "\n";
  TALEA_TRY(engine.remove("greeting"));
  std::cout << "greeting: " << TALEA_TRY(engine.get("greeting")).value_or("none") << "\n";

  TALEA_TRY(engine.commit(talea::Batch().put("alice", "100").put("bob", "20")));
  TALEA_TRY(transfer(engine, "alice", "bob", 30));
  const talea::Status refused = transfer(engine, "bob", "alice", 1000);
  std::cout << "refused: " << refused.message() << "\n";
  for (const char* name : {"alice", "bob"}) {
    std::cout << name << ": " << TALEA_TRY(engine.get(name)).value_or("none") << "\n";
  }
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
//     greeting: hello
//     greeting: none
//     refused: bob has only 50
//     alice: 70
//     bob: 50
