// From a URL to the home.
#include <utility>

#include "home/home.h"
#include "home/home_of_bucket.h"
#include "home/home_of_engine.h"
#include "home/home_of_ledger.h"
#include "home/home_of_store.h"
#include "io/posix_file_system.h"

namespace talea {
namespace {

// What would not be kept, although it was asked for.
Status check_engine_options(StoreScheme scheme, const Options& options) {
  const std::string kind(kind_of_store(scheme));
  if (options.retention) {
    return Status::invalid_argument("what is kept of the past is told to a store in a directory; " +
                                    kind + " is none");
  }
  if (!is_on_s3(scheme) || !options.encryption.is_given()) return {};
  return Status::invalid_argument(kind +
                                  " is not encrypted with a master key, and one is given; "
                                  "?kms_key_id=ID has S3 encrypt its objects");
}

Status check_kind(const StoreUrl& url, StoreScheme wanted) {
  if (url.scheme == wanted) return {};
  return Status::invalid_argument(std::string(kind_of_store(url.scheme)) + " is not " +
                                  std::string(kind_of_store(wanted)));
}

bool must_exist(const Options& options) { return options.read_only || !options.create_if_missing; }

// Who only reads makes no directory.
Result<std::string> directory_of(const StoreUrl& url, const Options& options) {
  if (url.directory.empty() || !options.read_only) return url.directory;
  PosixFileSystem files;
  return TALEA_TRY(files.exists(url.directory)) ? url.directory : std::string();
}

Result<std::unique_ptr<Home>> open_engine(const StoreUrl& url, const Options& options) {
  return home_of_engine(TALEA_TRY(Engine::open(url.path, options)), url.path, options.encryption);
}

Result<std::unique_ptr<Home>> open_rocksdb(const StoreUrl& url, const Options& options) {
  TALEA_TRY(check_engine_options(url.scheme, options));
  return home_of_store(TALEA_TRY(open_store("rocksdb:" + url.path, options)));
}

Result<std::unique_ptr<Home>> open_ledger_home(const StoreUrl& url, const HomeOptions& options) {
  const LedgerPlace place{.name = "s3://" + url.s3.bucket + "/" + url.s3.prefix,
                          .prefix_bytes = url.s3.prefix.size(),
                          .hash_profile = url.hash_profile};
  return home_of_ledger(TALEA_TRY(open_ledger(url, options)), place, must_exist(options.engine));
}

Result<std::unique_ptr<Home>> open_bucket_home(const StoreUrl& url, const HomeOptions& options) {
  StoreUrl bucket_alone = url;
  bucket_alone.directory.clear();
  HomeOptions reading;
  reading.engine.read_only = true;
  return home_of_bucket(TALEA_TRY(open_bucket_files(url, options)), [bucket_alone, reading] {
    return open_bucket_files(bucket_alone, reading);
  });
}

}  // namespace

Result<Ledger> open_ledger(const StoreUrl& url, const HomeOptions& options) {
  TALEA_TRY(check_kind(url, StoreScheme::ledger));
  TALEA_TRY(check_engine_options(url.scheme, options.engine));
  LedgerOptions ledger;
  ledger.read_only = options.engine.read_only;
  ledger.hash_profile = url.hash_profile;
  return Ledger::open(url.s3, std::move(ledger));
}

Result<BucketDb> open_bucket_files(const StoreUrl& url, const HomeOptions& options, bool recover) {
  TALEA_TRY(check_kind(url, StoreScheme::bucket_files));
  TALEA_TRY(check_engine_options(url.scheme, options.engine));
  BucketDbOptions bucket;
  bucket.directory = TALEA_TRY(directory_of(url, options.engine));
  bucket.format = url.format;
  bucket.create_if_missing = !must_exist(options.engine);
  bucket.writers = url.writers;
  bucket.sync = options.engine.sync == SyncMode::always ? BucketSync::always : BucketSync::never;
  bucket.recover = recover;
  bucket.read_only = options.engine.read_only;
  BucketDb db = TALEA_TRY(BucketDb::open(url.s3, bucket));
  if (recover || !db.status().needs_recovery) return db;
  return Status::corruption("there are data files at s3://" + url.s3.bucket + "/" + url.s3.prefix +
                            " and no index that names what is in them");
}

HomeAbilities abilities_of(StoreScheme scheme) {
  switch (scheme) {
    case StoreScheme::file: return abilities_of_engine();
    case StoreScheme::rocksdb: return abilities_of_store();
    case StoreScheme::ledger: return abilities_of_ledger();
    case StoreScheme::bucket_files: return abilities_of_bucket();
    case StoreScheme::memory: break;
  }
  return {};
}

Result<std::unique_ptr<Home>> open_home(const StoreUrl& url, const HomeOptions& options) {
  switch (url.scheme) {
    case StoreScheme::file: return open_engine(url, options.engine);
    case StoreScheme::rocksdb: return open_rocksdb(url, options.engine);
    case StoreScheme::ledger: return open_ledger_home(url, options);
    case StoreScheme::bucket_files: return open_bucket_home(url, options);
    case StoreScheme::memory: break;
  }
  return Status::invalid_argument(
      "memory: is gone when the program ends, and empty when it begins: name a directory, as "
      "./data");
}

Result<std::unique_ptr<Home>> open_home(std::string_view url, const HomeOptions& options) {
  return open_home(TALEA_TRY(parse_store_url(url)), options);
}

}  // namespace talea
