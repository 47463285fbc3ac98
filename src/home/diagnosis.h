// Diagnosis: what a place on S3 can do, found out by doing it (s3/probe.h), and what that means for
// the stores that could be there.
#pragma once

#include <string>
#include <vector>

#include "home/store_url.h"
#include "s3/client.h"
#include "s3/probe.h"
#include "talea/result.h"
#include "talea/s3.h"

namespace talea {

/// Whether a kind of store may be written at a place.
struct HomeVerdict {
  StoreScheme scheme = StoreScheme::ledger;
  /// Why it may not: "the store ignores If-Match". Empty: it may.
  std::string why_not = {};

  bool may_be_written() const { return why_not.empty(); }
};

struct Diagnosis {
  s3::ProbeReport probe;
  std::vector<HomeVerdict> homes;
  /// What it took to find out.
  S3RequestCounts requests;
};

/// What is to be examined: the URL of a store on S3, or `s3://BUCKET/PREFIX?PARAMETERS`, which is a
/// place for either kind.
struct Place {
  StoreUrl url;
  bool is_for_any = false;

  std::vector<StoreScheme> schemes() const;
};
/// Errors: those of parse_store_url(); of a URL that is not on S3 the place has its scheme, and
///         nothing to be diagnosed
Result<Place> parse_place(std::string_view url);

/// Cost: about 16 requests, and two objects below the prefix, which are removed.
/// Errors: those of a put; no credentials, no such bucket, another region: nothing can be said then
Result<Diagnosis> diagnose(const Place& place);
/// The same in a world of the caller's choice.
Result<Diagnosis> diagnose(const Place& place, const s3::ClientSeams& seams);

/// What `report` means for the store that `url` names, if it were of kind `scheme`.
HomeVerdict judge(StoreScheme scheme, BucketWriters writers, const s3::ProbeReport& report);

}  // namespace talea
