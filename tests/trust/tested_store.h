// TestedStore: the little of a store that the checkers put to the test, so that a faulty one can
// stand in for the engine.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/engine_store.h"
#include "talea/batch.h"
#include "talea/engine.h"

namespace talea::trust {

/// What several keys held at one moment, each in its place; nothing where one was absent.
using Contents = std::vector<std::optional<Versioned>>;

/// A moment that was pinned, to be read later, perhaps more than once.
class Moment {
 public:
  virtual ~Moment() = default;
  /// What `keys`, in ascending order, held then.
  virtual Result<Contents> read(std::span<const Bytes> keys) = 0;
  /// The last commit it sees, where it is told.
  virtual std::optional<Sequence> sequence() const { return std::nullopt; }
};

/// Threads: safe.
class TestedStore {
 public:
  /// By what means a moment is pinned and read.
  enum class Means : std::uint8_t {
    snapshot_gets,
    snapshot_scan,
    snapshot_reverse_scan,
    scan,          // read once
    reverse_scan,  // read once
  };
  static constexpr std::array kAllMeans = {Means::snapshot_gets, Means::snapshot_scan,
                                           Means::snapshot_reverse_scan, Means::scan,
                                           Means::reverse_scan};

  virtual ~TestedStore() = default;
  // As those of Engine.
  virtual Result<Sequence> put(BytesView key, BytesView value) = 0;
  virtual Result<Sequence> remove(BytesView key) = 0;
  virtual Result<Sequence> commit(const Batch& batch, FailedPrecondition* failed) = 0;
  virtual Result<std::optional<Bytes>> get(BytesView key) = 0;
  virtual Result<std::optional<Versioned>> get_versioned(BytesView key) = 0;
  virtual Status multi_get(std::span<const BytesView> keys,
                           std::span<std::optional<Bytes>> values) = 0;
  /// Pins the moment of the call. Scans are over all that begins with `prefix`.
  virtual Result<std::unique_ptr<Moment>> moment(Means means, BytesView prefix) = 0;
};

/// The engine. It outlives what moment() returns.
///
/// Threads: safe.
class EngineUnderTest final : public TestedStore {
 public:
  explicit EngineUnderTest(EngineStore& store) : store_(store) {}

  Result<Sequence> put(BytesView key, BytesView value) override {
    return store_.put(Space::user, key, value);
  }
  Result<Sequence> remove(BytesView key) override { return store_.remove(Space::user, key); }
  Result<Sequence> commit(const Batch& batch, FailedPrecondition* failed) override {
    return store_.commit(batch, failed);
  }
  Result<std::optional<Bytes>> get(BytesView key) override {
    return store_.get_value(Space::user, key);
  }
  Result<std::optional<Versioned>> get_versioned(BytesView key) override {
    return store_.get(Space::user, key);
  }
  Status multi_get(std::span<const BytesView> keys,
                   std::span<std::optional<Bytes>> values) override {
    return store_.multi_get(Space::user, keys, values);
  }
  Result<std::unique_ptr<Moment>> moment(Means means, BytesView prefix) override;

 private:
  EngineStore& store_;
};

}  // namespace talea::trust
