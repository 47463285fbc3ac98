// From the URL of a store to what holds it and where.
//
//     ./data   file:data   file:///var/data     our engine, in that directory
//     rocksdb:PATH   rocksdb:///PATH            a RocksDB database, in that directory
//     memory:                                   in this process, until it is closed
//     immukv+s3://BUCKET/PREFIX?PARAMETERS      a ledger on S3
//     s4db+s3://BUCKET/PREFIX?PARAMETERS        bucket files on S3
//
// PREFIX is put in front of the names of objects as it is, so that `app/` and `app` are two places.
// In it and in the values of parameters, %XX stands for a byte; `?`, `#` and `%` have to be written
// so. Parameters follow each other behind `&`:
//
//     endpoint=http://localhost:9000   region=eu-west-1   profile=NAME   kms_key_id=ID
//     addressing=path|virtual-host
//     of a ledger:      hash_profile=auto|python|typescript
//     of bucket files:  directory=PATH   format=v1|v2   writers=one|many
//
// A URL has no secrets: it is seen by who lists the processes of a machine, and comes into logs.
#pragma once

#include <string>
#include <string_view>

#include "talea/bucketdb.h"
#include "talea/ledger.h"
#include "talea/result.h"
#include "talea/s3.h"

namespace talea {

enum class StoreScheme { file, rocksdb, memory, ledger, bucket_files };

/// As it is written: "file", "immukv+s3".
std::string_view store_scheme_name(StoreScheme scheme);
/// For people, with its article: "a ledger".
constexpr std::string_view kind_of_store(StoreScheme scheme) {
  switch (scheme) {
    case StoreScheme::file: return "a store in a directory";
    case StoreScheme::rocksdb: return "a store in RocksDB";
    case StoreScheme::memory: return "a store in memory";
    case StoreScheme::ledger: return "a ledger";
    case StoreScheme::bucket_files: return "a database of bucket files";
  }
  return "a store";
}
/// Whether the store is on S3.
bool is_on_s3(StoreScheme scheme);

struct StoreUrl {
  StoreScheme scheme = StoreScheme::file;
  /// The directory; empty for memory, and on S3.
  std::string path = {};
  /// Bucket, prefix, and what parameters say. Nothing but for those on S3.
  S3Options s3 = {};
  HashProfile hash_profile = HashProfile::automatic;
  /// BucketDbOptions::directory, format and writers.
  std::string directory = {};
  BucketFormat format = BucketFormat::v1;
  BucketWriters writers = BucketWriters::many;
};

/// What is in front of the first colon is the scheme, unless there is a slash before it: `./a:b` is
/// a path.
/// Errors: invalid_argument   a scheme or parameter that there is not, with those there are; a path
///                            or bucket that is missing or not wanted; another host; a user or
///                            password, which the message does not repeat
Result<StoreUrl> parse_store_url(std::string_view url);

/// What is in a bucket and is no store, as `s3://BUCKET/PREFIX?PARAMETERS`, with the parameters
/// that all on S3 have. Errors: as parse_store_url()
Result<S3Options> parse_s3_url(std::string_view url);

}  // namespace talea
