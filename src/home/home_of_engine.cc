#include "home/home_of_engine.h"

#include <algorithm>
#include <utility>

#include "home/scan_cursor.h"
#include "home/store_writes.h"

namespace talea {
namespace {

// Before it is open; how much of the past it keeps, the store says itself.
constexpr HomeAbilities kAbilities = {.name = kind_of_store(StoreScheme::file)};

HomeAbilities abilities_of(const Engine& engine) {
  HomeAbilities abilities = kAbilities;
  abilities.keeps_all_history = engine.retention().kind() == Retention::Kind::all;
  abilities.keeps_newest_alone = !engine.retention().keeps_past();
  return abilities;
}

// The revisions of a key, oldest first; values are read one after the other.
class RevisionCursor final : public HomeCursor {
 public:
  RevisionCursor(Engine& engine, Bytes key, std::vector<Revision> newest_first)
      : engine_(engine), revisions_(std::move(newest_first)) {
    entry_.key = std::move(key);
  }

  Result<bool> next() override {
    if (revisions_.empty()) return false;
    now_ = revisions_.back();
    revisions_.pop_back();
    entry_.revision = now_.sequence;
    entry_.expiry_ms = now_.expiry_ms;
    entry_.value.clear();
    if (now_.is_remove) return true;
    std::optional<Versioned> then = TALEA_TRY(engine_.get(entry_.key, At::sequence(now_.sequence)));
    if (!then) {
      return Status::not_found("revision " + std::to_string(now_.sequence) +
                               " is not kept any more");
    }
    entry_.value = std::move(then->value);
    return true;
  }
  const HomeEntry& entry() const override { return entry_; }
  bool is_remove() const override { return now_.is_remove; }
  std::uint64_t time_ms() const override { return now_.time_ms; }

 private:
  Engine& engine_;
  std::vector<Revision> revisions_;
  Revision now_;
  HomeEntry entry_;
};

class HomeOfEngine final : public Home {
 public:
  HomeOfEngine(Engine engine, std::string path, Encryption encryption)
      : engine_(std::move(engine)),
        abilities_(abilities_of(engine_)),
        path_(std::move(path)),
        encryption_(std::move(encryption)) {}

  const HomeAbilities& abilities() const override { return abilities_; }
  Status check(BytesView key, BytesView value) const override { return check_row(key, value); }

  Result<std::optional<HomeEntry>> get(BytesView key, const std::optional<At>& at) override {
    std::optional<Versioned> found =
        TALEA_TRY(at ? engine_.get(key, *at) : engine_.get_versioned(key));
    if (!found) return std::optional<HomeEntry>();
    return std::optional(entry_of(key, std::move(*found)));
  }

  Result<bool> read(BytesView key, const std::optional<At>& at, const StateSink& sink) override {
    std::optional<ValueReader> reader =
        TALEA_TRY(at ? engine_.read_value(key, *at) : engine_.read_value(key));
    if (!reader) return false;
    for (;;) {
      const BytesView piece = TALEA_TRY(reader->read());
      if (piece.empty()) return true;
      TALEA_TRY(sink(piece));
    }
  }

  Result<std::uint64_t> put(BytesView key, BytesView value, const HomeCondition& condition,
                            Expiry expiry) override {
    Batch batch;
    add_condition(batch, key, condition);
    return engine_.commit(batch.put(key, value, expiry));
  }

  Result<std::uint64_t> put_pieces(BytesView key, const StateSource& source,
                                   const HomeCondition& condition, Expiry expiry) override {
    ValueWriter writer = TALEA_TRY(engine_.write_value());
    Bytes piece(kInlineValueBytesMax, '\0');
    for (;;) {
      const std::size_t got = TALEA_TRY(source(piece.data(), piece.size()));
      if (got == 0) break;
      TALEA_TRY(writer.append(BytesView(piece).substr(0, got)));
    }
    Batch batch;
    add_condition(batch, key, condition);
    return engine_.commit(batch.put(key, TALEA_TRY(writer.finish()), expiry));
  }

  Result<std::uint64_t> remove(BytesView key, const HomeCondition& condition) override {
    Batch batch;
    add_condition(batch, key, condition);
    return engine_.commit(batch.remove(key));
  }

  Result<std::uint64_t> write(const std::vector<HomeWrite>& writes) override {
    return engine_.commit(batch_of(writes));
  }

  Result<std::unique_ptr<HomeCursor>> scan(const ScanRange& range, bool keys_only,
                                           const std::optional<At>& at) override {
    Scan scan = TALEA_TRY(at ? engine_.scan(range, *at) : engine_.scan(range));
    return std::unique_ptr<HomeCursor>(std::make_unique<ScanCursor>(std::move(scan), keys_only));
  }

  Result<std::vector<HomeRevision>> history(BytesView key, const RevisionRange& range) override {
    std::vector<HomeRevision> revisions;
    for (const Revision& revision : TALEA_TRY(engine_.history(key, range))) {
      revisions.push_back({.revision = revision.sequence,
                           .time_ms = revision.time_ms,
                           .is_remove = revision.is_remove,
                           .expiry_ms = revision.expiry_ms,
                           .value_bytes = revision.value_bytes});
    }
    return revisions;
  }

  Result<std::unique_ptr<HomeCursor>> revisions(
      const std::optional<Bytes>& key, const std::optional<std::uint64_t>& after) override {
    if (!key) {
      return Status::unsupported(
          "a store in a directory lists the revisions of one key; for what was committed in order "
          "there are Engine::changes() and `talea changes`");
    }
    std::vector<Revision> revisions = TALEA_TRY(engine_.history(*key));
    if (after) {
      std::erase_if(revisions, [&](const Revision& one) { return one.sequence <= *after; });
    }
    return std::unique_ptr<HomeCursor>(
        std::make_unique<RevisionCursor>(engine_, *key, std::move(revisions)));
  }

  Result<std::unique_ptr<HomeCursor>> keys_with_past() override {
    return std::unique_ptr<HomeCursor>(
        std::make_unique<ScanCursor>(TALEA_TRY(engine_.scan_keys_with_past()), /*keys_only=*/true));
  }

  std::optional<std::uint64_t> key_count() override { return engine_.stats().keys; }

  Result<std::vector<HomeFact>> facts() override {
    const Stats stats = engine_.stats();
    return std::vector<HomeFact>{{"keys", stats.keys},
                                 {"last_sequence", stats.last_sequence},
                                 {"disk_bytes", stats.disk_bytes}};
  }

  Result<HomeVerification> verify(
      const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) override {
    VerifyReport report = TALEA_TRY(verify_store(path_, progress, encryption_));
    HomeVerification verification{
        .entries = report.entries, .keys = report.keys, .bytes = report.bytes};
    for (Finding& finding : report.findings) {
      verification.findings.push_back({.place = std::move(finding.file),
                                       .offset = finding.offset,
                                       .problem = std::move(finding.problem)});
    }
    return verification;
  }

  Status publish() override { return {}; }
  Status close() override { return engine_.close(); }

 private:
  Engine engine_;
  const HomeAbilities abilities_;
  const std::string path_;
  const Encryption encryption_;
};

}  // namespace

std::unique_ptr<Home> home_of_engine(Engine engine, std::string path, Encryption encryption) {
  return std::make_unique<HomeOfEngine>(std::move(engine), std::move(path), std::move(encryption));
}

HomeAbilities abilities_of_engine() { return kAbilities; }

}  // namespace talea
