#include "bench/workload.h"

#include <algorithm>

namespace talea::bench {
namespace {

bool contains(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

bool Workload::keep_only(const std::vector<std::string>& ids) {
  std::vector<Row>& rows = description_.rows;
  std::vector<std::string> referred;  // variants
  for (Row& row : rows) {
    row.left_out = !contains(ids, row.id) && !contains(ids, row.wanted_with);
    if (row.left_out) continue;
    for (const Target& target : row.targets) referred.push_back(target.row);
  }
  if (std::all_of(rows.begin(), rows.end(), [](const Row& row) { return row.left_out; })) {
    return false;
  }
  for (Row& row : rows) row.left_out = row.left_out && !contains(referred, row.variant);
  return true;
}

bool Workload::wants(std::size_t row, const std::string& side) const {
  const Row& wanted = description_.rows[row];
  return !wanted.left_out && (wanted.sides.empty() || contains(wanted.sides, side));
}

}  // namespace talea::bench
