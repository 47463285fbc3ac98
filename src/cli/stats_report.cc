#include "cli/stats_report.h"

#include <array>
#include <cstdio>
#include <optional>

#include "cli/human_text.h"

namespace talea::cli {

namespace {

// Nothing of nothing has no ratio.
std::optional<double> ratio(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

// What commits wrote; the rest was written to keep it in order.
std::uint64_t committed_bytes(const Stats& stats) {
  return stats.log_bytes_written + stats.extent_bytes_written;
}

std::optional<double> write_amplification(const Stats& stats) {
  const std::uint64_t upkeep = stats.compacted_bytes_written + stats.run_bytes_written;
  return ratio(committed_bytes(stats) + upkeep, committed_bytes(stats));
}

// How many times longer the values were that are compressed.
std::optional<double> compression_ratio(const Stats& stats) {
  return ratio(stats.bytes_before_compression, stats.bytes_after_compression);
}

void add_ratio(JsonObject& json, std::string_view name, std::optional<double> value) {
  if (value) {
    json.decimal(name, *value);
  } else {
    json.null(name);
  }
}

std::string ratio_text(std::optional<double> value) {
  if (!value) return "-";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f", *value);
  return text.data();
}

struct Quantile {
  const char* name;
  const char* field;
  double q;
};
constexpr std::array<Quantile, 3> kQuantiles = {
    {{"p50", "p50_ns", 0.5}, {"p99", "p99_ns", 0.99}, {"p99.9", "p99_9_ns", 0.999}}};

std::string latency_json(const LatencyHistogram& latency) {
  JsonObject json;
  json.number("count", latency.count);
  for (const Quantile& quantile : kQuantiles) {
    json.number(quantile.field, latency.quantile_ns(quantile.q));
  }
  return json.number("max_ns", latency.max_ns).close();
}

void add_latency(TableRows& rows, const std::string& name, const LatencyHistogram& latency) {
  if (latency.count == 0) return;
  for (const Quantile& quantile : kQuantiles) {
    rows.push_back({name + " " + quantile.name, human_duration(latency.quantile_ns(quantile.q))});
  }
  rows.push_back({name + " max", human_duration(latency.max_ns)});
}

// What did not happen has no row.
TableRows counted_rows(const Stats& stats) {
  TableRows rows;
  if (committed_bytes(stats) > 0) {
    rows.push_back({"written by commits", human_bytes(committed_bytes(stats))});
    rows.push_back({"copied by compaction", human_bytes(stats.compacted_bytes_written)});
    rows.push_back({"written to runs", human_bytes(stats.run_bytes_written)});
    rows.push_back({"written to committed", ratio_text(write_amplification(stats))});
  }
  if (stats.checkpoints > 0) rows.push_back({"checkpoints", std::to_string(stats.checkpoints)});
  if (stats.keys_expired > 0) {
    rows.push_back({"keys expired", std::to_string(stats.keys_expired)});
  }
  if (stats.values_compressed > 0) {
    rows.push_back({"values compressed", std::to_string(stats.values_compressed)});
    rows.push_back({"bytes before compression", human_bytes(stats.bytes_before_compression)});
    rows.push_back({"bytes after compression", human_bytes(stats.bytes_after_compression)});
    rows.push_back({"before to after compression", ratio_text(compression_ratio(stats))});
  }
  add_latency(rows, "commit", stats.commit_latency);
  add_latency(rows, "get", stats.get_latency);
  return rows;
}

}  // namespace

void add_sizes(JsonObject& json, const Stats& stats) {
  json.number("keys", stats.keys)
      .number("live_bytes", stats.live_bytes)
      .number("disk_bytes", stats.disk_bytes);
  add_ratio(json, "space_amplification", ratio(stats.disk_bytes, stats.live_bytes));
  json.number("segments", stats.segments).number("index_bytes", stats.index_bytes);
  add_ratio(json, "index_bytes_per_key", ratio(stats.index_bytes, stats.keys));
  json.number("revisions", stats.revisions)
      .number("history_bytes", stats.history_bytes)
      .number("last_sequence", stats.last_sequence);
  if (stats.data_key == 0) return;  // not encrypted
  json.number("data_key", stats.data_key)
      .number("data_keys", stats.data_keys)
      .number("old_key_bytes", stats.old_key_bytes);
}

std::string activity_json(const Stats& stats) {
  JsonObject json;
  json.number("puts", stats.puts)
      .number("removes", stats.removes)
      .number("gets", stats.gets)
      .number("gets_found", stats.gets_found)
      .number("scans", stats.scans)
      .number("rows_scanned", stats.rows_scanned)
      .number("batches_committed", stats.batches_committed)
      .number("batches_rejected", stats.batches_rejected)
      .number("batches_unknown", stats.batches_unknown)
      .number("conflicts", stats.conflicts)
      .number("syncs", stats.syncs)
      .number("log_bytes_written", stats.log_bytes_written)
      .number("extent_bytes_written", stats.extent_bytes_written)
      .number("compacted_bytes_written", stats.compacted_bytes_written)
      .number("run_bytes_written", stats.run_bytes_written);
  add_ratio(json, "write_amplification", write_amplification(stats));
  json.number("checkpoints", stats.checkpoints)
      .number("keys_expired", stats.keys_expired)
      .number("values_compressed", stats.values_compressed)
      .number("bytes_before_compression", stats.bytes_before_compression)
      .number("bytes_after_compression", stats.bytes_after_compression);
  add_ratio(json, "compression_ratio", compression_ratio(stats));
  return json.json("commit_latency", latency_json(stats.commit_latency))
      .json("get_latency", latency_json(stats.get_latency))
      .close();
}

TableRows size_rows(const Stats& stats) {
  const std::optional<double> per_key = ratio(stats.index_bytes, stats.keys);
  TableRows rows = {
      {"keys", std::to_string(stats.keys)},
      {"live bytes", human_bytes(stats.live_bytes)},
      {"bytes on disk", human_bytes(stats.disk_bytes)},
      {"disk to live", ratio_text(ratio(stats.disk_bytes, stats.live_bytes))},
      {"segments", std::to_string(stats.segments)},
      {"index in memory", human_bytes(stats.index_bytes)},
      {"index bytes per key", ratio_text(per_key)},
      {"last sequence", std::to_string(stats.last_sequence)},
  };
  if (stats.data_key == 0) return rows;  // not encrypted
  rows.push_back({"data key of new files", std::to_string(stats.data_key)});
  rows.push_back({"data keys", std::to_string(stats.data_keys)});
  rows.push_back({"bytes under older data keys", human_bytes(stats.old_key_bytes)});
  return rows;
}

TableRows activity_rows(const Stats& stats) {
  const TableRows counted = counted_rows(stats);
  const std::string heading = "counted since this open";
  if (counted.empty()) return {{heading, "nothing"}};
  TableRows rows = {{heading}};
  rows.reserve(1 + counted.size());
  for (const std::vector<std::string>& row : counted) rows.push_back({"  " + row[0], row[1]});
  return rows;
}

}  // namespace talea::cli
