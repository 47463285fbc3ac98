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

}  // namespace

Result<ExitCode> run_segments(Context& context) {
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
