#include "s3/backup_bucket.h"

#include <algorithm>
#include <utility>

#include "s3/machine.h"

namespace talea::s3 {
namespace {

constexpr std::string_view kCause = "backup";

// What is further below the prefix is somebody else's.
bool is_name(std::string_view name) {
  return !name.empty() && name.find('/') == std::string_view::npos;
}

class BackupBucket final : public BackupTarget {
 public:
  /// `machine`: that the client works on, where this is to keep it.
  BackupBucket(std::unique_ptr<Client> client, std::uint64_t piece_bytes,
               std::unique_ptr<Machine> machine = nullptr)
      : machine_(std::move(machine)), client_(std::move(client)), piece_bytes_(piece_bytes) {}

  Result<std::vector<std::string>> list() override {
    std::vector<std::string> names;
    ListOptions options{.cause = kCause};
    do {
      ListPage page = TALEA_TRY(client_->list(options));
      for (ObjectInfo& object : page.objects) {
        if (is_name(object.key)) names.push_back(std::move(object.key));
      }
      options.token = std::move(page.next_token);
    } while (!options.token.empty());
    std::sort(names.begin(), names.end());
    return names;
  }

  Status write(const std::string& name, const StateSource& source) override {
    TALEA_TRY(check(name));
    const auto next_part = [&]() -> Result<Bytes> { return next_piece(source); };
    return std::move(client_->put_parts(name, next_part, {.cause = kCause}))
        .status()
        .with_context("write " + place_of(name));
  }

  Status read(const std::string& name, const StateSink& sink) override {
    TALEA_TRY(check(name));
    const ObjectInfo info = TALEA_TRY(find(name));
    for (std::uint64_t offset = 0; offset < info.size; offset += piece_bytes_) {
      ReadOptions options{.cause = kCause};
      options.range = {.offset = offset, .length = std::min(piece_bytes_, info.size - offset)};
      options.if_match = info.etag;  // all pieces are of one object
      const auto object = TALEA_TRY(client_->get(name, options));
      if (!object) return missing(name);
      TALEA_TRY(sink(object->bytes));
    }
    return {};
  }

  Status remove(const std::string& name) override {
    TALEA_TRY(check(name));
    (void)TALEA_TRY(find(name));  // S3 says ok of what is not there
    return client_->remove(name, {.cause = kCause});
  }

 private:
  static Status check(const std::string& name) {
    if (is_name(name)) return {};
    return Status::invalid_argument("'" + name + "' is no name of an object in a backup");
  }

  std::string place_of(const std::string& name) const {
    return "s3://" + client_->options().bucket + "/" + client_->options().prefix + name;
  }

  Status missing(const std::string& name) const {
    return Status::not_found("there is no object " + place_of(name));
  }

  Result<ObjectInfo> find(const std::string& name) {
    auto info = TALEA_TRY(client_->head(name, {.cause = kCause}));
    if (!info) return missing(name);
    return *std::move(info);
  }

  Result<Bytes> next_piece(const StateSource& source) const {
    Bytes piece(static_cast<std::size_t>(piece_bytes_), '\0');
    std::size_t filled = 0;
    while (filled < piece.size()) {
      const std::size_t count = TALEA_TRY(source(piece.data() + filled, piece.size() - filled));
      if (count == 0) break;
      filled += count;
    }
    piece.resize(filled);
    return piece;
  }

  const std::unique_ptr<Machine> machine_;  // before the client, which goes first
  const std::unique_ptr<Client> client_;
  const std::uint64_t piece_bytes_;
};

}  // namespace

std::unique_ptr<BackupTarget> make_backup_bucket(std::unique_ptr<Client> client,
                                                 std::uint64_t piece_bytes) {
  return std::make_unique<BackupBucket>(std::move(client), piece_bytes);
}

}  // namespace talea::s3

namespace talea {

Result<std::unique_ptr<BackupTarget>> open_backup_s3(const S3Options& at) {
  auto machine = std::make_unique<s3::Machine>();
  auto client = TALEA_TRY(s3::Client::create(at, machine->seams()));
  return std::unique_ptr<BackupTarget>(std::make_unique<s3::BackupBucket>(
      std::move(client), s3::kBackupPieceBytes, std::move(machine)));
}

}  // namespace talea
