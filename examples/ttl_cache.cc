// Keys that expire: a cache, a session that lives for as long as it is used, and a lock that is
// given back when its holder is gone.
//
//     ttl_cache DIRECTORY
#include <talea/engine.h>

#include <chrono>
#include <iostream>
#include <string>

namespace {

using std::chrono::hours;
using std::chrono::minutes;

// What is expensive to find out, and may be an hour old.
talea::Result<std::string> page(talea::Engine& cache, const std::string& url) {
  const std::string key = "page/" + url;
  std::optional<talea::Bytes> kept = TALEA_TRY(cache.get(key));
  std::cout << url << (kept ? " was kept\n" : " is fetched\n");
  if (kept) return std::move(*kept);
  std::string fetched = "the content of " + url;
  TALEA_TRY(cache.put(key, fetched, talea::Expiry::after(hours(1))));
  return fetched;
}

// One holder at a time. Who dies holding it does not hold it for ever.
talea::Result<bool> lock(talea::Engine& engine, const std::string& name, const std::string& holder,
                         talea::Expiry expiry) {
  talea::Batch batch;
  batch.require_absent("lock/" + name).put("lock/" + name, holder, expiry);
  const talea::Result<talea::Sequence> committed = engine.commit(batch);
  if (committed.status().code() == talea::Code::conflict) return false;
  TALEA_TRY(talea::Status(committed.status()));
  return true;
}

talea::Status run(const std::string& directory) {
  talea::Engine engine = TALEA_TRY(talea::Engine::open(directory));
  TALEA_TRY(page(engine, "example.org"));
  TALEA_TRY(page(engine, "example.org"));

  // A session lives for half an hour from its last use on.
  TALEA_TRY(engine.put("session/7", "alice", talea::Expiry::after(minutes(30))));
  const bool is_alive =
      TALEA_TRY(engine.set_expiry("session/7", talea::Expiry::after(minutes(30))));
  std::cout << "session 7 is " << (is_alive ? "alive" : "over") << "\n";
  // A change of its value need not give it more time.
  TALEA_TRY(engine.put("session/7", "alice, with a basket", talea::Expiry::keep()));

  const auto taken = [](bool is_taken) { return is_taken ? "has the lock\n" : "has to wait\n"; };
  const talea::Expiry soon = talea::Expiry::after(minutes(1));
  std::cout << "a " << taken(TALEA_TRY(lock(engine, "report", "a", soon)));
  std::cout << "b " << taken(TALEA_TRY(lock(engine, "report", "b", soon)));
  // As if the minute were over: a moment that has passed is legal, and the key is gone.
  TALEA_TRY(engine.set_expiry("lock/report", talea::Expiry::at(1)));
  std::cout << "b " << taken(TALEA_TRY(lock(engine, "report", "b", soon)));
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
//     example.org is fetched
//     example.org was kept
//     session 7 is alive
//     a has the lock
//     b has to wait
//     b has the lock
