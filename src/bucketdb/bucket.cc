#include "bucketdb/bucket.h"

#include <algorithm>

#include "s3/probe.h"

namespace talea::bucketdb {
namespace {

constexpr std::uint64_t kPartBytes = 64 * kMiB;

}  // namespace

Bucket::Bucket(std::unique_ptr<s3::Client> client, BucketWriters writers)
    : client_(std::move(client)), writers_(writers) {}

s3::WriteOptions Bucket::write_options(std::string_view cause, const s3::Etag& expected) const {
  s3::WriteOptions options{.cause = cause};
  if (writers_ == BucketWriters::many) {
    options.condition =
        expected.empty() ? s3::Condition::absent() : s3::Condition::matches(expected);
  }
  return options;
}

// In one request, but for what is too long for an answer.
Result<std::optional<s3::Object>> Bucket::read_whole(std::string_view name,
                                                     std::string_view cause) {
  auto whole = client_->get(name, {.cause = cause});
  if (whole.status().code() != Code::exhausted) return whole;
  const auto info = TALEA_TRY(client_->head(name, {.cause = cause}));
  if (!info.has_value()) return std::optional<s3::Object>();
  s3::Object object{*info, {}};
  while (object.bytes.size() < info->size) {
    const std::uint64_t left = info->size - object.bytes.size();
    const auto part = TALEA_TRY(
        client_->get(name, {.cause = cause,
                            .range = s3::ByteRange{object.bytes.size(), std::min(left, kPartBytes)},
                            .if_match = info->etag}));
    if (!part.has_value() || part->bytes.empty()) return std::optional<s3::Object>();
    object.bytes += part->bytes;
  }
  return std::optional(std::move(object));
}

Result<std::optional<CommittedIndex>> Bucket::read_index() {
  auto object = TALEA_TRY(read_whole(kIndexName, "index"));
  if (!object.has_value()) return std::optional<CommittedIndex>();
  auto image = IndexImage::parse(std::move(object->bytes));
  if (!image.ok()) return std::move(image).status().with_context(kIndexName);
  return std::optional(CommittedIndex{std::move(*image), std::move(object->info.etag),
                                      CommitList(object->info.write_nonce)});
}

Result<CommittedIndex> Bucket::head_index() {
  const auto info = TALEA_TRY(client_->head(kIndexName, {.cause = "index"}));
  if (!info.has_value()) return CommittedIndex();
  return CommittedIndex{nullptr, info->etag, CommitList(info->write_nonce)};
}

Result<s3::Etag> Bucket::put_index(BytesView bytes, const s3::Etag& expected,
                                   const CommitList& commits) {
  s3::WriteOptions options = write_options("commit", expected);
  options.nonce = commits.text();
  return TALEA_TRY(client_->put(kIndexName, bytes, options)).etag;
}

Result<std::vector<RemoteFile>> Bucket::list_files() {
  std::vector<RemoteFile> files;
  s3::ListOptions options{.cause = "list", .prefix = "data_"};
  do {
    s3::ListPage page = TALEA_TRY(client_->list(options));
    for (s3::ObjectInfo& object : page.objects) {
      const auto file = parse_file_name(object.key);
      if (!file.has_value()) continue;
      files.push_back({*file, object.size, std::move(object.etag), object.last_modified_ms});
    }
    options.token = std::move(page.next_token);
  } while (!options.token.empty());
  std::sort(files.begin(), files.end(),
            [](const RemoteFile& a, const RemoteFile& b) { return a.file < b.file; });
  return files;
}

Result<std::optional<Bytes>> Bucket::read(FileId file, std::uint64_t offset, std::uint64_t bytes) {
  const std::string name = file_name(file);
  Bytes read;
  s3::Etag etag;
  for (std::uint64_t asked = 0; read.size() < bytes;) {
    const s3::ByteRange part{offset + read.size(), std::min(bytes - read.size(), kPartBytes)};
    auto object = client_->get(name, {.cause = "get", .range = part, .if_match = etag});
    const Code code = object.status().code();
    if (code == Code::invalid_argument) {
      // Does the range begin behind the end, or is it something else that the store does not like?
      const auto info = TALEA_TRY(client_->head(name, {.cause = "get"}));
      if (info.has_value() && info->size > part.offset) return std::move(object).status();
      return std::optional<Bytes>();
    }
    // It was replaced between two parts.
    if (code == Code::conflict && !etag.empty()) return std::optional<Bytes>();
    if (!object.ok()) return std::move(object).status();
    if (!object->has_value()) return std::optional<Bytes>();
    etag = (*object)->info.etag;
    read += (*object)->bytes;
    asked += part.length;
    if (read.size() < asked) break;  // this is its end
  }
  return std::optional(std::move(read));
}

Result<std::optional<Bucket::WholeFile>> Bucket::read_file(FileId file) {
  auto object = TALEA_TRY(read_whole(file_name(file), "file"));
  if (!object.has_value()) return std::optional<WholeFile>();
  return std::optional(WholeFile{std::move(object->bytes), std::move(object->info.etag)});
}

Result<bool> Bucket::is_still(FileId file, const s3::Etag& etag) {
  const auto info = TALEA_TRY(client_->head(file_name(file), {.cause = "file"}));
  return info.has_value() && info->etag == etag;
}

Result<s3::Etag> Bucket::put_new_file(FileId file, BytesView bytes) {
  return TALEA_TRY(client_->put(file_name(file), bytes, write_options("file", {}))).etag;
}

Result<s3::Etag> Bucket::put_file_again(FileId file, BytesView bytes, const s3::Etag& expected) {
  return TALEA_TRY(client_->put(file_name(file), bytes, write_options("file", expected))).etag;
}

Status Bucket::remove_files(const std::vector<FileId>& files) {
  // Lowest number first: see docs/formats/s4db.md, "Collecting". So no more than a request at once.
  constexpr std::size_t kRequestKeys = 1000;
  std::vector<std::string> names;
  names.reserve(files.size());
  for (const FileId file : files) names.push_back(file_name(file));
  for (std::size_t from = 0; from < names.size(); from += kRequestKeys) {
    const std::size_t count = std::min(kRequestKeys, names.size() - from);
    const auto failures =
        TALEA_TRY(client_->remove_all(std::span(names).subspan(from, count), {.cause = "collect"}));
    if (failures.empty()) continue;
    Status failure = failures.front().status;
    return std::move(failure).with_context("remove " + failures.front().key);
  }
  return {};
}

Result<std::optional<s3::Object>> Bucket::read_garbage() {
  return client_->get(kGarbageName, {.cause = "collect"});
}

Result<s3::Etag> Bucket::put_garbage(BytesView bytes, const s3::Etag& expected) {
  return TALEA_TRY(client_->put(kGarbageName, bytes, write_options("collect", expected))).etag;
}

Result<std::uint64_t> Bucket::garbage_modified_ms() {
  const auto info = TALEA_TRY(client_->head(kGarbageName, {.cause = "collect"}));
  if (!info.has_value()) return Status::conflict("another gc() removed the list of garbage");
  return info->last_modified_ms;
}

Status Bucket::check_conditions() {
  if (writers_ == BucketWriters::one || checked_) return {};
  const s3::ConditionTrial trial = TALEA_TRY(s3::try_conditions(*client_, kProbeName, "probe"));
  if (!trial.ignored.empty()) {
    return Status::unsupported(
        "the store accepts " + std::string(trial.ignored) +
        " and takes no notice of it, so that two writers would destroy each other's data. Is this "
        "one the only one, say BucketWriters::one");
  }
  checked_ = true;
  return {};
}

}  // namespace talea::bucketdb
