#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

#include "base/assert.h"
#include "base/random.h"
#include "bench/distribution.h"
#include "bench/workloads.h"

namespace talea::bench {
namespace {

constexpr std::size_t kMultiGetKeys = 16;
constexpr std::uint64_t kScanRowsMax = 100;
constexpr std::size_t kCheckedOf = 8;  // one of so many written keys

enum class Verb : std::uint8_t { get, put, modify, scan, insert };

Verb verb_of(MixWorkload::Kind kind, double uniform) {
  using Kind = MixWorkload::Kind;
  switch (kind) {
    case Kind::half_puts: return uniform < 0.5 ? Verb::get : Verb::put;
    case Kind::modify: return uniform < 0.5 ? Verb::get : Verb::modify;
    case Kind::scan: return uniform < 0.95 ? Verb::scan : Verb::insert;
    case Kind::put: return Verb::put;
    case Kind::get:
    case Kind::multi_get:
    case Kind::full_scan:
    case Kind::disk: break;
  }
  return Verb::get;
}

}  // namespace

// Worked out before the timer starts, keys in the order of their use, so that the harness adds the
// least it can: to find a key at random would miss the cache as often as the store does.
struct MixWorkload::Operations {
  std::vector<Verb> verbs;
  Bytes keys;
  std::vector<std::uint8_t> rows;  // of scans
  std::uint64_t first_value = 0;
  std::uint64_t first_inserted = 0;  // ids of new keys
};

MixWorkload::MixWorkload(Description description, const Shape& shape)
    : Workload(std::move(description)), shape_(shape) {
  TALEA_ASSERT(shape.runs.size() == this->description().rows.size());
  for (const Run& run : shape.runs)
    TALEA_ASSERT(run.operations % (kMultiGetKeys * run.threads) == 0);
}

MixWorkload::~MixWorkload() = default;

Status MixWorkload::prepare(Peer& peer, const std::string& directory) {
  if (data_ == nullptr) {
    data_ = std::make_unique<DataSet>(shape_.data);
    zipfian_ = std::make_unique<Zipfian>(data_->size());
  }
  TALEA_TRY(peer.open(directory + "/store", data_->open_options()));
  for (unsigned version = 0; version <= shape_.overwrites; ++version) {
    TALEA_TRY(put_in_batches(peer, *data_, version));
  }
  TALEA_TRY(check_entries(peer, *data_, shape_.overwrites));
  return peer.close();
}

Result<Figures> MixWorkload::run_round(Peer& peer, const std::string& directory, unsigned round) {
  if (!description().keeps_stores) TALEA_TRY(prepare(peer, directory));
  Figures figures = no_figures();
  for (const bool verify_every_read : {false, true}) {
    bool opened = false;
    for (std::size_t row = 0; row < figures.size(); ++row) {
      if (!wants(row, peer.name())) continue;
      if (shape_.runs[row].verify_every_read != verify_every_read) continue;
      if (!std::exchange(opened, true)) {
        OpenOptions options = data_->open_options();
        options.verify_every_read = verify_every_read;
        TALEA_TRY(peer.open(directory + "/store", options));
        Bytes value;
        for (std::uint64_t position = 0; position < data_->size(); ++position) {
          TALEA_TRY(peer.get(data_->key(position), value));  // into the caches
        }
        TALEA_TRY(settle(peer));
      }
      figures[row] = TALEA_TRY(run(peer, directory + "/store", row, round));
    }
    if (opened) TALEA_TRY(peer.close());
  }
  return figures;
}

MixWorkload::Operations MixWorkload::operations(std::size_t row, unsigned round,
                                                unsigned thread) const {
  const Run& run = shape_.runs[row];
  const std::uint64_t count = run.operations / run.threads;
  const std::uint64_t number = (round * shape_.runs.size() + row) * 64 + thread;  // of these
  Operations operations;
  operations.first_value = (number + 1) << 32;
  operations.first_inserted = data_->size() + number * count;
  operations.verbs.reserve(count);
  operations.keys.reserve(count * shape_.data.key_bytes);

  SeededRandom random(scrambled(shape_.data.seed + number));
  const bool uniform = run.kind == Kind::put;
  for (std::uint64_t done = 0; done < count; ++done) {
    const Verb verb = verb_of(run.kind, next_uniform(random));
    // The popular keys are spread over the key space; YCSB calls it scrambled.
    const std::uint64_t position =
        (uniform ? random.next_u64() : scrambled(zipfian_->rank(next_uniform(random)) + 1)) %
        data_->size();
    operations.verbs.push_back(verb);
    if (verb == Verb::insert) {
      const KeySet inserted(shape_.data.seed, operations.first_inserted + done, 1,
                            shape_.data.key_bytes);
      operations.keys.append(inserted[0]);
    } else {
      operations.keys.append(data_->key(position));
    }
    if (verb == Verb::scan || verb == Verb::insert) {
      operations.rows.push_back(static_cast<std::uint8_t>(1 + next_uniform(random) * kScanRowsMax));
    }
  }
  return operations;
}

// The timed part, of one thread.
Status MixWorkload::apply(Peer& peer, const Operations& operations) const {
  const std::size_t key_bytes = shape_.data.key_bytes;
  const char* key_begin = operations.keys.data();
  const std::uint8_t* rows = operations.rows.data();
  Bytes value;
  std::uint64_t missing = 0;
  const auto get = [&](BytesView key) -> Status {
    const bool found = TALEA_TRY(peer.get(key, value));
    if (!found || value.size() != shape_.data.value_bytes) ++missing;
    return {};
  };
  RowSum sum;
  for (std::size_t done = 0; done < operations.verbs.size(); ++done, key_begin += key_bytes) {
    const BytesView key(key_begin, key_bytes);
    switch (operations.verbs[done]) {
      case Verb::modify: TALEA_TRY(get(key)); [[fallthrough]];
      case Verb::put:
      case Verb::insert:
        TALEA_TRY(peer.put(key, data_->value_of(operations.first_value + done)));
        break;
      case Verb::get: TALEA_TRY(get(key)); break;
      case Verb::scan: TALEA_TRY(peer.scan(key, *rows++, sum)); break;
    }
  }
  const std::uint64_t row_bytes = key_bytes + shape_.data.value_bytes;
  if (missing != 0 || sum.bytes() != sum.rows() * row_bytes) {
    return Status::corruption(peer.name() + " did not return what it was given");
  }
  return {};
}

Status MixWorkload::apply_multi_get(Peer& peer, const Operations& operations) const {
  const std::size_t key_bytes = shape_.data.key_bytes;
  std::array<BytesView, kMultiGetKeys> keys;
  std::array<std::optional<Bytes>, kMultiGetKeys> values;
  std::uint64_t missing = 0;
  const char* key = operations.keys.data();
  for (std::size_t done = 0; done < operations.verbs.size(); done += kMultiGetKeys) {
    for (BytesView& wanted : keys) {
      wanted = {key, key_bytes};
      key += key_bytes;
    }
    TALEA_TRY(peer.multi_get(keys, values));
    for (const std::optional<Bytes>& value : values) {
      if (!value.has_value() || value->size() != shape_.data.value_bytes) ++missing;
    }
  }
  if (missing == 0) return {};
  return Status::corruption(peer.name() + " did not return what it was given");
}

// Of the keys that were written, a part: each has to have the last value that one of the threads
// gave it. Which thread was the last of all is not known.
Status MixWorkload::check_written(Peer& peer, const std::vector<Operations>& threads) const {
  std::unordered_map<BytesView, std::vector<std::uint64_t>> written;  // values, of each thread
  for (std::size_t thread = 0; thread < threads.size(); ++thread) {
    const Operations& operations = threads[thread];
    for (std::size_t done = 0; done < operations.verbs.size(); ++done) {
      const Verb verb = operations.verbs[done];
      if (verb == Verb::get || verb == Verb::scan) continue;
      const BytesView key =
          BytesView(operations.keys).substr(done * shape_.data.key_bytes, shape_.data.key_bytes);
      if (std::hash<BytesView>{}(key) % kCheckedOf != 0) continue;
      std::vector<std::uint64_t>& values = written[key];
      values.resize(threads.size());
      values[thread] = operations.first_value + done;
    }
  }
  Bytes value;
  for (const auto& [key, values] : written) {
    const bool found = TALEA_TRY(peer.get(key, value));
    const bool expected = std::any_of(values.begin(), values.end(), [&](std::uint64_t id) {
      return id != 0 && value == data_->value_of(id);
    });
    if (!found || !expected) {
      return Status::corruption(peer.name() + " returned " + (found ? "a wrong" : "no") +
                                " value for key " + Bytes(key));
    }
  }
  return {};
}

Result<std::optional<Figure>> MixWorkload::run(Peer& peer, const std::string& directory,
                                               std::size_t row, unsigned round) {
  const Run& run = shape_.runs[row];
  if (run.kind == Kind::disk) {
    const DiskUse use = TALEA_TRY(peer.disk_use(directory));
    return std::optional(Figure::size(static_cast<double>(use.bytes - use.free_tail_bytes) /
                                      static_cast<double>(data_->bytes())));
  }
  std::vector<Operations> threads;
  threads.reserve(run.threads);
  for (unsigned thread = 0; run.kind != Kind::full_scan && thread < run.threads; ++thread) {
    threads.push_back(operations(row, round, thread));
  }
  std::uint64_t done = run.operations;
  Result<Cost> cost = timed_threads(run.threads, [&](unsigned thread) -> Status {
    if (run.kind == Kind::multi_get) return apply_multi_get(peer, threads[thread]);
    if (run.kind != Kind::full_scan) return apply(peer, threads[thread]);
    RowSum sum;
    TALEA_TRY(peer.scan({}, UINT64_MAX, sum));
    done = sum.rows();
    if (done >= data_->size()) return {};
    return Status::corruption(peer.name() + " left out rows of a full scan");
  });
  if (cost.status().code() == Code::unsupported) return std::optional<Figure>();
  const Figure figure = Figure::rate(done, TALEA_TRY(std::move(cost)));
  TALEA_TRY(check_written(peer, threads));
  return std::optional(figure);
}

}  // namespace talea::bench
