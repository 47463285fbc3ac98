#include "tests/trust/snapshot_isolation.h"

#include <algorithm>
#include <unordered_map>

namespace talea::trust {

namespace {

using Outcome = Operation::Outcome;

std::string text_of(const List& list) {
  std::string text = "[";
  for (const Value element : list) {
    if (text.size() > 1) text += " ";
    text += std::to_string(element);
  }
  return text + "]";
}

std::string describe(const Transaction& transaction) {
  std::string text =
      "thread " + std::to_string(transaction.thread) + " [" + std::to_string(transaction.called) +
      ", " + std::to_string(transaction.read_by) + ", " +
      (transaction.returned == Operation::kNever ? std::string("never")
                                                 : std::to_string(transaction.returned)) +
      "]";
  if (transaction.snapshot != kUntold) text += " at " + std::to_string(transaction.snapshot);
  for (std::size_t key = 0; key < kKeysMax; ++key) {
    if (!transaction.seen[key]) continue;
    text += " saw k" + std::to_string(key) + "=" + text_of(*transaction.seen[key]) + ";";
  }
  for (const Transaction::Append& append : transaction.appends) {
    text += " appended " + text_of(append.elements) + " to k" + std::to_string(append.key) + ";";
  }
  switch (transaction.outcome) {
    case Outcome::committed: break;
    case Outcome::conflict: text += " conflict"; break;
    case Outcome::unknown: text += " outcome unknown"; break;
  }
  if (transaction.sequence != kUntold) text += " as " + std::to_string(transaction.sequence);
  return text;
}

bool begins_with(const List& list, const List& beginning) {
  return beginning.size() <= list.size() &&
         std::equal(beginning.begin(), beginning.end(), list.begin());
}

// --- Who appended what, and where it came to stand -----------------------------------------------

class Examination {
 public:
  explicit Examination(const std::vector<Transaction>& transactions) : transactions_(transactions) {
    for (std::size_t i = 0; i < transactions.size(); ++i) {
      for (const Transaction::Append& append : transactions[i].appends) {
        for (const Value element : append.elements) writers_[element] = {i, append.key};
      }
    }
    for (std::size_t key = 0; key < kKeysMax; ++key) {
      const auto& last = transactions.back().seen[key];
      if (last) final_[key] = *last;
    }
  }

  std::vector<AnomalyFound> run() {
    for (std::size_t i = 0; i < transactions_.size(); ++i) examine_lists(i);
    find_happened();
    for (std::size_t i = 0; i < transactions_.size(); ++i) {
      examine_appends(i);
      for (std::size_t j = 0; j < transactions_.size(); ++j) {
        if (i != j) examine_pair(i, j);
      }
    }
    examine_final_sequences();
    if (found_.empty()) look_for_circle();
    return std::move(found_);
  }

 private:
  struct Writer {
    std::size_t transaction = 0;
    std::size_t key = 0;
  };

  void report(Anomaly anomaly, const std::string& what, std::size_t first,
              std::optional<std::size_t> second = std::nullopt) {
    std::string text =
        std::string(name_of(anomaly)) + ": " + what + "\n    " + describe(transactions_[first]);
    if (second) text += "\n    " + describe(transactions_[*second]);
    found_.push_back({anomaly, std::move(text)});
  }

  void examine_lists(std::size_t reader) {
    for (std::size_t key = 0; key < kKeysMax; ++key) {
      if (!transactions_[reader].seen[key]) continue;
      const List& list = *transactions_[reader].seen[key];
      const std::string name = "k" + std::to_string(key);
      if (!begins_with(final_[key], list)) {
        report(Anomaly::incompatible_order, name + " ended as " + text_of(final_[key]), reader);
      }
      for (std::size_t i = 0; i < list.size(); ++i) {
        const auto writer = writers_.find(list[i]);
        const bool is_known = writer != writers_.end() && writer->second.key == key;
        const auto here = list.begin() + static_cast<std::ptrdiff_t>(i);
        if (!is_known || std::find(list.begin(), here, list[i]) != here) {
          report(Anomaly::unknown_element, std::to_string(list[i]) + " in " + name, reader);
          continue;
        }
        const std::size_t transaction = writer->second.transaction;
        if (transactions_[transaction].outcome == Outcome::conflict) {
          report(Anomaly::aborted_read, std::to_string(list[i]) + " was not committed", reader,
                 transaction);
        }
      }
    }
  }

  // Of a transaction whose outcome is unknown it is known when somebody saw it.
  void find_happened() {
    happened_.resize(transactions_.size());
    for (std::size_t i = 0; i < transactions_.size(); ++i) {
      const Transaction& transaction = transactions_[i];
      happened_[i] = !transaction.appends.empty() && transaction.outcome == Outcome::committed;
      if (transaction.outcome != Outcome::unknown) continue;
      for (const Transaction& reader : transactions_) {
        for (const Transaction::Append& append : transaction.appends) {
          if (sees(reader, append) > 0) happened_[i] = true;
        }
      }
    }
  }

  // How many elements of the append the reader saw.
  static std::size_t sees(const Transaction& reader, const Transaction::Append& append) {
    const auto& list = reader.seen[append.key];
    if (!list) return 0;
    return static_cast<std::size_t>(
        std::count_if(append.elements.begin(), append.elements.end(), [&](Value element) {
          return std::find(list->begin(), list->end(), element) != list->end();
        }));
  }

  void examine_appends(std::size_t writer) {
    if (!happened_[writer]) return;
    const Transaction& transaction = transactions_[writer];
    for (const Transaction::Append& append : transaction.appends) {
      const List& list = final_[append.key];
      const auto at =
          std::search(list.begin(), list.end(), append.elements.begin(), append.elements.end());
      if (at == list.end()) {
        report(Anomaly::lost_append,
               "k" + std::to_string(append.key) + " ended as " + text_of(list), writer);
        continue;
      }
      const auto& seen = transaction.seen[append.key];
      const auto position = static_cast<std::size_t>(at - list.begin());
      if (seen && seen->size() != position) {
        report(Anomaly::lost_update, "others stand between what was read and what was appended",
               writer);
      }
    }
  }

  void examine_pair(std::size_t first, std::size_t second) {
    const Transaction& writer = transactions_[first];
    const Transaction& reader = transactions_[second];
    std::size_t lists_seen = 0;
    std::size_t lists_missed = 0;
    for (const Transaction::Append& append : writer.appends) {
      if (!reader.seen[append.key]) continue;
      const std::size_t seen = sees(reader, append);
      if (seen != 0 && seen != append.elements.size()) {
        report(Anomaly::intermediate_read, "a part of an append to one list", second, first);
      }
      ++(seen > 0 ? lists_seen : lists_missed);
    }
    if (lists_seen > 0 && lists_missed > 0) {
      report(Anomaly::fractured_read, "a part of the lists of a transaction", second, first);
    }
    const bool is_later = writer.returned < reader.called;
    if (is_later && happened_[first] && lists_missed > 0) {
      report(Anomaly::non_monotonic_read, "what had been acknowledged is not seen", second, first);
    }
    if (happened_[first] && writer.sequence != kUntold && reader.snapshot != kUntold) {
      const bool is_due = writer.sequence <= reader.snapshot;
      if ((is_due && lists_missed > 0) || (!is_due && lists_seen > 0)) {
        report(Anomaly::wrong_sequence, "what a snapshot sees is not what its sequence says",
               second, first);
      }
    }
    examine_reads(first, second);
  }

  void examine_reads(std::size_t first, std::size_t second) {
    const Transaction& earlier = transactions_[first];
    const Transaction& later = transactions_[second];
    if (earlier.read_by >= later.called) return;
    for (std::size_t key = 0; key < kKeysMax; ++key) {
      if (!earlier.seen[key] || !later.seen[key]) continue;
      if (earlier.seen[key]->size() <= later.seen[key]->size()) continue;
      report(Anomaly::non_monotonic_read, "a later read sees less", second, first);
      return;
    }
  }

  void examine_final_sequences() {
    for (const List& list : final_) {
      Sequence last = 0;
      for (const Value element : list) {
        const auto writer = writers_.find(element);
        if (writer == writers_.end()) continue;
        const std::size_t transaction = writer->second.transaction;
        const Sequence sequence = transactions_[transaction].sequence;
        if (sequence == kUntold) continue;
        if (sequence < last) {
          report(Anomaly::wrong_sequence, "a list is not in the order of sequences", transaction);
        }
        last = sequence;
      }
    }
  }

  // --- The order of moments ----------------------------------------------------------------------

  // Of transaction t: 2t is the moment of reading, 2t + 1 that of writing.
  static std::size_t reading(std::size_t transaction) { return 2 * transaction; }
  static std::size_t writing(std::size_t transaction) { return 2 * transaction + 1; }

  struct Span {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
  };
  Span span_of(std::size_t moment) const {
    const Transaction& transaction = transactions_[moment / 2];
    if (moment % 2 == 0) return {transaction.called, transaction.read_by};
    return {transaction.read_by, transaction.returned};
  }
  bool exists(std::size_t moment) const { return moment % 2 == 0 || happened_[moment / 2]; }

  void add_edge(std::size_t from, std::size_t to) { edges_[from].push_back(to); }

  void add_edges() {
    const std::size_t moments = 2 * transactions_.size();
    edges_.assign(moments, {});
    for (std::size_t from = 0; from < moments; ++from) {
      if (!exists(from)) continue;
      for (std::size_t to = 0; to < moments; ++to) {
        if (exists(to) && span_of(from).to < span_of(to).from) add_edge(from, to);
      }
    }
    for (std::size_t writer = 0; writer < transactions_.size(); ++writer) {
      if (!happened_[writer]) continue;
      add_edge(reading(writer), writing(writer));
      for (const Transaction::Append& append : transactions_[writer].appends) {
        for (std::size_t reader = 0; reader < transactions_.size(); ++reader) {
          if (reader == writer || !transactions_[reader].seen[append.key]) continue;
          if (sees(transactions_[reader], append) > 0) {
            add_edge(writing(writer), reading(reader));
          } else {
            add_edge(reading(reader), writing(writer));
          }
        }
      }
    }
    for (const List& list : final_) {
      for (std::size_t i = 1; i < list.size(); ++i) {
        const std::size_t before = writers_.at(list[i - 1]).transaction;
        const std::size_t after = writers_.at(list[i]).transaction;
        if (before != after) add_edge(writing(before), writing(after));
      }
    }
  }

  // A walk in depth, whose path is the circle when it meets itself.
  void look_for_circle() {
    add_edges();
    enum class Visit : std::uint8_t { none, open, done };
    std::vector<Visit> visits(edges_.size(), Visit::none);
    std::vector<std::pair<std::size_t, std::size_t>> path;  // a moment, and its next edge
    for (std::size_t start = 0; start < edges_.size(); ++start) {
      if (visits[start] != Visit::none) continue;
      path.assign(1, {start, 0});
      visits[start] = Visit::open;
      while (!path.empty()) {
        auto& [moment, edge] = path.back();
        if (edge == edges_[moment].size()) {
          visits[moment] = Visit::done;
          path.pop_back();
          continue;
        }
        const std::size_t next = edges_[moment][edge++];
        if (visits[next] == Visit::open) return report_circle(path, next);
        if (visits[next] == Visit::done) continue;
        visits[next] = Visit::open;
        path.emplace_back(next, 0);
      }
    }
  }

  void report_circle(const std::vector<std::pair<std::size_t, std::size_t>>& path,
                     std::size_t first) {
    std::string text = std::string(name_of(Anomaly::no_order)) + ": each comes before the next\n";
    bool is_in = false;
    for (const auto& [moment, edge] : path) {
      is_in = is_in || moment == first;
      if (!is_in) continue;
      text += moment % 2 == 0 ? "    reading of " : "    writing of ";
      text += describe(transactions_[moment / 2]) + "\n";
    }
    found_.push_back({Anomaly::no_order, text + "    and the last before the first"});
  }

  const std::vector<Transaction>& transactions_;
  std::unordered_map<Value, Writer> writers_;
  std::array<List, kKeysMax> final_;
  std::vector<bool> happened_;
  std::vector<AnomalyFound> found_;
  std::vector<std::vector<std::size_t>> edges_;
};

}  // namespace

std::string_view name_of(Anomaly anomaly) {
  switch (anomaly) {
    case Anomaly::unknown_element: return "unknown element";
    case Anomaly::aborted_read: return "aborted read";
    case Anomaly::intermediate_read: return "intermediate read";
    case Anomaly::incompatible_order: return "incompatible order";
    case Anomaly::lost_append: return "lost append";
    case Anomaly::lost_update: return "lost update";
    case Anomaly::fractured_read: return "fractured read";
    case Anomaly::non_monotonic_read: return "non-monotonic read";
    case Anomaly::wrong_sequence: return "wrong sequence";
    case Anomaly::no_order: return "no order";
  }
  return "?";
}

std::vector<AnomalyFound> find_anomalies(const std::vector<Transaction>& transactions) {
  if (transactions.empty()) return {};
  return Examination(transactions).run();
}

}  // namespace talea::trust
