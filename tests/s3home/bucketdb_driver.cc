// A bucket database, driven by lines of JSON: line_driver.h. `open` comes first, and again for
// another one. Values in answers are in hexadecimal: they may be any bytes.
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bucketdb/bucket_seams.h"
#include "talea/bucketdb.h"
#include "tests/s3home/line_driver.h"

namespace talea::s3home {
namespace {

std::string hex(BytesView bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    text += kDigits[value >> 4];
    text += kDigits[value & 15U];
  }
  return text;
}

Bytes unhex(const std::string& text) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

Json optional_value(const std::optional<Bytes>& value) {
  return value ? Json(hex(*value)) : Json();
}

BucketDbOptions database_options_of(const Json& line) {
  BucketDbOptions options;
  options.directory = member_or(line, "directory", options.directory);
  if (member_or(line, "format", 1) == 2) options.format = BucketFormat::v2;
  if (!member_or(line, "sync", true)) options.sync = BucketSync::never;
  options.create_if_missing = member_or(line, "create_if_missing", options.create_if_missing);
  options.file_bytes_max = member_or(line, "file_bytes_max", options.file_bytes_max);
  options.grown_file_bytes_max =
      member_or(line, "grown_file_bytes_max", options.grown_file_bytes_max);
  options.cache_bytes = member_or(line, "cache_bytes", options.cache_bytes);
  options.threads = member_or(line, "threads", options.threads);
  options.recover = member_or(line, "recover", options.recover);
  return options;
}

// [["put", key, text], ["bytes", key, hexadecimal], ["remove", key]]
BucketBatch batch_of(const Json& operations) {
  BucketBatch batch;
  for (const Json& operation : operations) {
    const std::string kind = operation.at(0);
    const Bytes key = operation.at(1);
    if (kind == "remove") {
      batch.remove(key);
    } else if (kind == "bytes") {
      batch.put_bytes(key, unhex(operation.at(2)));
    } else {
      batch.put(key, operation.at(2).get<Bytes>());
    }
  }
  return batch;
}

std::chrono::milliseconds grace_of(const Json& line) {
  return std::chrono::milliseconds(member_or<std::int64_t>(line, "grace_ms", 0));
}

class Driver {
 public:
  Answer open(const Json& line) {
    db_.reset();
    db_.emplace(TALEA_TRY(
        BucketDb::open(options_of(line), database_options_of(line),
                       {world_.seams(line), world_.files, world_.random, world_.executor})));
    return status(line);
  }

  Answer commit(const Json& line) {
    TALEA_TRY(db_->commit(batch_of(line.at("operations"))));
    return Json::object();
  }

  Answer get(const Json& line) {
    return Json{{"value", optional_value(TALEA_TRY(db_->get(line.at("key").get<Bytes>())))}};
  }

  Answer get_many(const Json& line) {
    const auto keys = line.at("keys").get<std::vector<Bytes>>();
    const std::vector<BytesView> views(keys.begin(), keys.end());
    Json values = Json::array();
    for (const auto& value : TALEA_TRY(db_->get_many(views))) {
      values.push_back(optional_value(value));
    }
    return Json{{"values", std::move(values)}};
  }

  // All that there is, by ranges or from copies of the files.
  Answer items(const Json& line) {
    BucketScan scan =
        member_or(line, "files", false) ? TALEA_TRY(db_->scan_files()) : TALEA_TRY(db_->scan());
    Json items = Json::object();
    while (TALEA_TRY(scan.next())) items[std::string(scan.key())] = hex(scan.value());
    return Json{{"items", std::move(items)}};
  }

  Answer keys(const Json&) { return Json{{"keys", db_->keys()}}; }

  Answer upload(const Json& line) {
    const BucketUpload done = TALEA_TRY(db_->upload({.force = member_or(line, "force", false)}));
    return Json{{"writes", done.writes}, {"files", done.files}, {"conflicts", done.conflicts}};
  }

  Answer download(const Json& line) {
    const BucketDownload done =
        TALEA_TRY(db_->download({.force = member_or(line, "force", false)}));
    return Json{{"files", done.files}};
  }

  Answer refresh(const Json&) {
    TALEA_TRY(db_->refresh());
    return Json::object();
  }

  Answer compact(const Json& line) {
    const BucketCompaction done = TALEA_TRY(db_->compact(grace_of(line)));
    return Json{{"keys", done.keys},
                {"files_before", done.files_before},
                {"files_after", done.files_after},
                {"files_collected", done.files_collected}};
  }

  Answer gc(const Json& line) {
    const BucketCollection done = TALEA_TRY(db_->gc(grace_of(line)));
    return Json{{"files_collected", done.files_collected}, {"files_left", done.files_left}};
  }

  Answer rebuild(const Json& line) {
    const bool directory = member_or(line, "directory", false);
    const BucketRebuild done =
        TALEA_TRY(db_->rebuild_index(directory ? BucketSource::directory : BucketSource::bucket));
    return Json{{"files", done.files}, {"keys", done.keys}, {"damage", done.damage.size()}};
  }

  Answer flush(const Json&) {
    TALEA_TRY(db_->flush());
    return Json::object();
  }

  Answer status(const Json&) {
    const BucketStatus status = db_->status();
    return Json{{"format", static_cast<int>(status.format)},
                {"keys", status.keys},
                {"files", status.files},
                {"pending_writes", status.pending_writes},
                {"needs_recovery", status.needs_recovery}};
  }

  Answer close(const Json&) {
    const BucketStatus status = TALEA_TRY(db_->close());
    db_.reset();
    return Json{{"pending_writes", status.pending_writes}};
  }

  // For the benchmark: one put after the other of keys that are there, each by itself.
  Answer time_puts(const Json& line) {
    const std::vector<Bytes> keys = line.at("keys");
    const Bytes value = line.at("text");
    std::vector<std::uint64_t> times;
    times.reserve(keys.size());
    for (const Bytes& key : keys) {
      const std::uint64_t begin = world_.clock.monotonic_ns();
      TALEA_TRY(db_->put(key, value));
      times.push_back(world_.clock.monotonic_ns() - begin);
    }
    return Json{{"nanoseconds", std::move(times)}};
  }

  bool is_open() const { return db_.has_value(); }

  Answer requests(const Json&) { return Json{{"requests", world_.transport.take()}}; }

 private:
  World world_;
  std::optional<BucketDb> db_;
};

}  // namespace
}  // namespace talea::s3home

int main() {
  using talea::s3home::Driver;
  Driver driver;
  const talea::s3home::MembersOf members(driver);
  return talea::s3home::serve({{"open", members.always(&Driver::open)},
                               {"commit", members.when_open(&Driver::commit)},
                               {"get", members.when_open(&Driver::get)},
                               {"get_many", members.when_open(&Driver::get_many)},
                               {"items", members.when_open(&Driver::items)},
                               {"keys", members.when_open(&Driver::keys)},
                               {"upload", members.when_open(&Driver::upload)},
                               {"download", members.when_open(&Driver::download)},
                               {"refresh", members.when_open(&Driver::refresh)},
                               {"compact", members.when_open(&Driver::compact)},
                               {"gc", members.when_open(&Driver::gc)},
                               {"rebuild", members.when_open(&Driver::rebuild)},
                               {"flush", members.when_open(&Driver::flush)},
                               {"status", members.when_open(&Driver::status)},
                               {"close", members.when_open(&Driver::close)},
                               {"time_puts", members.when_open(&Driver::time_puts)},
                               {"requests", members.always(&Driver::requests)}});
}
