#include "cli/duration_text.h"
#include "cli/human_text.h"
#include "cli/json_writer.h"
#include "cli/verbs.h"

namespace talea::cli {

namespace {

std::string segments_json(const std::vector<SegmentInfo>& segments) {
  JsonArray array;
  for (const SegmentInfo& segment : segments) {
    array.add(JsonObject()
                  .number("id", segment.id)
                  .text("kind", segment_kind_name(segment.kind))
                  .bytes("file", segment.file)
                  .boolean("sealed", segment.sealed)
                  .number("file_bytes", segment.file_bytes)
                  .number("used_bytes", segment.used_bytes)
                  .number("live_bytes", segment.live_bytes)
                  .number("entries", segment.entries)
                  .number("first_sequence", segment.first_sequence)
                  .number("last_sequence", segment.last_sequence)
                  .close());
  }
  return JsonObject().json("segments", array.close()).close();
}

std::string segments_table(const std::vector<SegmentInfo>& segments) {
  std::vector<std::vector<std::string>> rows = {
      {"file", "kind", "state", "on disk", "used", "live", "entries", "sequences"}};
  for (const SegmentInfo& segment : segments) {
    // An extent holds values, which belong to no one batch.
    const std::string sequences = segment.kind == SegmentKind::extent
                                      ? "-"
                                      : std::to_string(segment.first_sequence) + " to " +
                                            std::to_string(segment.last_sequence);
    rows.push_back({segment.file, std::string(segment_kind_name(segment.kind)),
                    segment.sealed ? "sealed" : "open", human_bytes(segment.file_bytes),
                    human_bytes(segment.used_bytes), human_bytes(segment.live_bytes),
                    std::to_string(segment.entries), sequences});
  }
  return table(rows);
}

// --- Of bucket files: their data files

std::string files_json(const std::vector<BucketFile>& files) {
  JsonArray array;
  for (const BucketFile& file : files) {
    array.add(JsonObject()
                  .text("file", file.name)
                  .number("file_bytes", file.bytes)
                  .number("live_bytes", file.live_bytes)
                  .number("entries", file.keys)
                  .number("modified_ms", file.modified_ms)
                  .close());
  }
  return JsonObject().json("segments", array.close()).close();
}

std::string files_table(const std::vector<BucketFile>& files) {
  std::vector<std::vector<std::string>> rows = {
      {"file", "put at", "in the bucket", "live", "entries"}};
  for (const BucketFile& file : files) {
    rows.push_back({file.name, moment_text(file.modified_ms), human_bytes(file.bytes),
                    human_bytes(file.live_bytes), std::to_string(file.keys)});
  }
  return table(rows);
}

Result<ExitCode> list_bucket_files(Context& context) {
  BucketDb db = TALEA_TRY(context.open_bucket_files(true));
  const std::vector<BucketFile> files = TALEA_TRY(db.files());
  TALEA_TRY(context.json() ? context.print_json(files_json(files))
                           : context.out().write(files_table(files)));
  return ExitCode::ok;
}

}  // namespace

Result<ExitCode> run_segments(Context& context) {
  const StoreScheme scheme = TALEA_TRY(context.url()).scheme;
  if (scheme == StoreScheme::bucket_files) return list_bucket_files(context);
  Engine engine = TALEA_TRY(context.open_for_reading());
  const std::vector<SegmentInfo> segments = engine.segments();
  if (context.json()) {
    TALEA_TRY(context.print_json(segments_json(segments)));
  } else {
    TALEA_TRY(context.out().write(segments_table(segments)));
  }
  return ExitCode::ok;
}

}  // namespace talea::cli
