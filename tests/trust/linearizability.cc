#include "tests/trust/linearizability.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <string_view>
#include <unordered_set>

namespace talea::trust {

namespace {

using Outcome = Operation::Outcome;
using Requirement = Operation::Requirement;

bool agrees(Sequence told, Sequence actual) {
  return told == kUntold || actual == kUntold || told == actual;
}

bool holds(const Requirement& requirement, const Cell& cell) {
  switch (requirement.kind) {
    case Requirement::Kind::absent: return cell.value == kAbsent;
    case Requirement::Kind::present: return cell.value != kAbsent;
    case Requirement::Kind::revision:
      return cell.value != kAbsent && agrees(requirement.revision, cell.revision);
  }
  return false;
}

// A revision that nobody was told may be the one required, or not.
bool may_fail(const Requirement& requirement, const Cell& cell) {
  if (!holds(requirement, cell)) return true;
  return requirement.kind == Requirement::Kind::revision && cell.revision == kUntold;
}

bool all_hold(const Operation& operation, const Cells& state) {
  return std::all_of(operation.requirements.begin(), operation.requirements.end(),
                     [&](const Requirement& each) { return holds(each, state[each.key]); });
}

bool conflict_is_right(const Operation& operation, const Cells& state) {
  const std::vector<Requirement>& requirements = operation.requirements;
  if (!operation.failed) {
    return std::any_of(requirements.begin(), requirements.end(),
                       [&](const Requirement& each) { return may_fail(each, state[each.key]); });
  }
  const Operation::Failed& failed = *operation.failed;
  if (failed.position >= requirements.size()) return false;
  for (std::size_t i = 0; i < failed.position; ++i) {
    if (!holds(requirements[i], state[requirements[i].key])) return false;
  }
  const Requirement& requirement = requirements[failed.position];
  const Cell& cell = state[requirement.key];
  if (!may_fail(requirement, cell)) return false;
  if (!failed.found) return cell.value == kAbsent;
  return cell.value != kAbsent && agrees(*failed.found, cell.revision);
}

bool is_above(Sequence sequence, const Cell& cell) {
  return sequence == kUntold || cell.revision == kUntold || sequence > cell.revision;
}

// A sequence tells of all that came before it, also that of a batch which only required something.
bool sequence_is_right(const Operation& operation, const Cells& state) {
  for (const Operation::Write& write : operation.writes) {
    if (!is_above(operation.sequence, state[write.key])) return false;
  }
  for (const Requirement& requirement : operation.requirements) {
    const Cell& cell = state[requirement.key];
    if (!is_above(operation.sequence, cell) && operation.sequence != cell.revision) return false;
  }
  return true;
}

// Does the operation to the state; false when it would have been told something else.
bool apply(const Operation& operation, Cells& state) {
  for (const Operation::Observation& seen : operation.observations) {
    const Cell& cell = state[seen.key];
    if (seen.cell.value != cell.value || !agrees(seen.cell.revision, cell.revision)) return false;
  }
  if (operation.outcome == Outcome::conflict) return conflict_is_right(operation, state);
  if (!all_hold(operation, state)) return operation.outcome == Outcome::unknown;
  if (!sequence_is_right(operation, state)) return false;
  for (const Operation::Write& write : operation.writes) {
    const bool removes = write.value == kAbsent;
    state[write.key] = {write.value, removes ? 0 : operation.sequence};
  }
  return true;
}

// --- The search ----------------------------------------------------------------------------------

// A call or a return, in a list in the order of time.
struct Event {
  std::size_t operation = 0;
  bool is_call = false;
  std::size_t previous = 0;
  std::size_t next = 0;
};

// What was tried before: the operations taken, and the state they led to.
struct Point {
  std::vector<std::uint64_t> taken;
  Cells state;
  bool operator==(const Point&) const = default;
};

struct HashOfPoint {
  std::size_t operator()(const Point& point) const {
    std::uint64_t hash = 0;
    const auto mix = [&](std::uint64_t word) {
      hash = (std::rotl(hash, 5) ^ word) * 0x9e3779b97f4a7c15;
    };
    for (const std::uint64_t word : point.taken) mix(word);
    for (const Cell& cell : point.state) {
      mix(cell.value);
      mix(cell.revision);
    }
    return static_cast<std::size_t>(hash ^ hash >> 32);
  }
};

class Search {
 public:
  Search(const Cells& initial, std::vector<const Operation*> operations)
      : operations_(std::move(operations)) {
    point_.state = initial;
    point_.taken.resize((operations_.size() + 63) / 64);
    list_events();
  }

  // Empty when an order was found.
  std::string run() {
    std::size_t event = events_[kHead].next;
    for (std::uint64_t steps = 0; missing_returns_ > 0; ++steps) {
      if (steps == kSearchStepsMax) return explain("the search was given up; no order was found:");
      if (events_[event].is_call) {
        event = take(event) ? events_[kHead].next : events_[event].next;
        continue;
      }
      if (taken_.empty()) return explain("no order explains these operations:");
      event = take_back();
    }
    return {};
  }

 private:
  static constexpr std::size_t kHead = 0;

  struct Taken {
    std::size_t call = 0;
    Cells state_before;
  };

  void list_events() {
    std::vector<std::pair<std::uint64_t, Event>> in_time;
    in_time.reserve(2 * operations_.size());
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      in_time.push_back({operations_[i]->called, {i, true, 0, 0}});
      // What nobody waits for may be taken, and need not.
      if (operations_[i]->outcome == Outcome::unknown) continue;
      in_time.push_back({operations_[i]->returned, {i, false, 0, 0}});
      ++missing_returns_;
    }
    std::sort(in_time.begin(), in_time.end(),
              [](const auto& left, const auto& right) { return left.first < right.first; });
    events_.resize(1);
    events_.reserve(1 + in_time.size());
    returns_.resize(operations_.size(), kHead);
    for (auto& [time, event] : in_time) {
      const std::size_t position = events_.size();
      event.previous = position - 1;
      event.next = kHead;
      events_.back().next = position;
      if (!event.is_call) returns_[event.operation] = position;
      events_.push_back(event);
    }
    events_[kHead].previous = events_.size() - 1;
  }

  void unlink(std::size_t position) {
    const Event& event = events_[position];
    events_[event.previous].next = event.next;
    events_[event.next].previous = event.previous;
  }
  // In the reverse order of unlink().
  void link(std::size_t position) {
    const Event& event = events_[position];
    events_[event.previous].next = position;
    events_[event.next].previous = position;
  }

  std::uint64_t& word_of(std::size_t operation) { return point_.taken[operation / 64]; }
  static std::uint64_t bit_of(std::size_t operation) { return std::uint64_t{1} << operation % 64; }

  bool take(std::size_t call) {
    const std::size_t operation = events_[call].operation;
    const Cells before = point_.state;
    if (!apply(*operations_[operation], point_.state)) {
      point_.state = before;
      return false;
    }
    word_of(operation) |= bit_of(operation);
    if (!tried_.insert(point_).second) {
      word_of(operation) &= ~bit_of(operation);
      point_.state = before;
      return false;
    }
    taken_.push_back({call, before});
    unlink(call);
    if (returns_[operation] != kHead) {
      unlink(returns_[operation]);
      --missing_returns_;
    }
    if (taken_.size() > longest_.size()) remember_longest();
    return true;
  }

  // Returns the event to go on with.
  std::size_t take_back() {
    const Taken last = taken_.back();
    taken_.pop_back();
    const std::size_t operation = events_[last.call].operation;
    if (returns_[operation] != kHead) {
      link(returns_[operation]);
      ++missing_returns_;
    }
    link(last.call);
    word_of(operation) &= ~bit_of(operation);
    point_.state = last.state_before;
    return events_[last.call].next;
  }

  void remember_longest() {
    longest_.clear();
    longest_.reserve(taken_.size());
    for (const Taken& taken : taken_) longest_.push_back(events_[taken.call].operation);
    longest_state_ = point_.state;
  }

  std::string explain(std::string_view what) const {
    std::string text(what);
    std::vector<bool> is_placed(operations_.size());
    text += "\n  the longest order found is\n";
    for (const std::size_t operation : longest_) {
      is_placed[operation] = true;
      text += "    " + describe(*operations_[operation]) + "\n";
    }
    text += "  which leaves";
    for (std::size_t key = 0; key < kKeysMax; ++key) {
      const Cell& cell = longest_state_[key];
      if (cell.value == kAbsent) continue;
      text += " k" + std::to_string(key) + "=" + std::to_string(cell.value) + "@" +
              std::to_string(cell.revision);
    }
    text += "\n  and these do not fit behind it\n";
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      if (!is_placed[i]) text += "    " + describe(*operations_[i]) + "\n";
    }
    return text;
  }

  const std::vector<const Operation*> operations_;
  std::vector<Event> events_;         // kHead is both ends of the list
  std::vector<std::size_t> returns_;  // of each operation; kHead when it has none
  std::size_t missing_returns_ = 0;   // of operations that are not taken
  Point point_;
  std::vector<Taken> taken_;
  std::unordered_set<Point, HashOfPoint> tried_;
  std::vector<std::size_t> longest_;
  Cells longest_state_{};
};

// --- Which operations have to be judged together -------------------------------------------------

// Keys that one operation touches are one group.
class KeyGroups {
 public:
  KeyGroups() { std::iota(group_.begin(), group_.end(), std::size_t{0}); }

  // The group of the operation, after its keys were joined; nothing when it touches none.
  std::optional<std::size_t> join(const Operation& operation) {
    std::optional<std::size_t> first;
    const auto touch = [&](std::size_t key) {
      if (!first) first = key;
      const std::size_t from = group_[key];
      std::replace(group_.begin(), group_.end(), from, group_[*first]);
    };
    for (const auto& seen : operation.observations) touch(seen.key);
    for (const auto& required : operation.requirements) touch(required.key);
    for (const auto& write : operation.writes) touch(write.key);
    return first ? std::optional(group_[*first]) : std::nullopt;
  }

 private:
  std::array<std::size_t, kKeysMax> group_{};
};

}  // namespace

std::string find_linearizability_fault(const History& history) {
  KeyGroups groups;
  for (const Operation& operation : history.operations) (void)groups.join(operation);
  std::array<std::vector<const Operation*>, kKeysMax> members;
  for (const Operation& operation : history.operations) {
    if (const auto group = groups.join(operation)) members[*group].push_back(&operation);
  }
  for (std::vector<const Operation*>& operations : members) {
    if (operations.empty()) continue;
    std::string fault = Search(history.initial, std::move(operations)).run();
    if (!fault.empty()) return fault;
  }
  return {};
}

std::string find_sequence_fault(const History& history) {
  std::vector<const Operation*> commits;
  for (const Operation& operation : history.operations) {
    const bool is_commit = operation.outcome == Outcome::committed && !operation.writes.empty();
    if (is_commit && operation.sequence != kUntold) commits.push_back(&operation);
  }
  std::sort(commits.begin(), commits.end(),
            [](const auto* left, const auto* right) { return left->sequence < right->sequence; });
  // The commit with the latest call so far: none of a later sequence may have returned before.
  const Operation* latest = nullptr;
  const Operation* previous = nullptr;
  for (const Operation* commit : commits) {
    if (previous != nullptr && previous->sequence == commit->sequence) {
      return "two commits were told one sequence:\n    " + describe(*previous) + "\n    " +
             describe(*commit);
    }
    if (latest != nullptr && commit->returned < latest->called) {
      return "sequences go against time:\n    " + describe(*commit) + "\n    " + describe(*latest);
    }
    if (latest == nullptr || commit->called > latest->called) latest = commit;
    previous = commit;
  }
  return {};
}

namespace {

std::string name_of(Sequence revision) {
  return revision == kUntold ? "?" : std::to_string(revision);
}

std::string text_of(const Cell& cell) {
  if (cell.value == kAbsent) return "nothing";
  return std::to_string(cell.value) + "@" + name_of(cell.revision);
}

std::string text_of(const Requirement& requirement) {
  switch (requirement.kind) {
    case Requirement::Kind::absent: return "absent";
    case Requirement::Kind::present: return "present";
    case Requirement::Kind::revision: return "at " + name_of(requirement.revision);
  }
  return {};
}

}  // namespace

std::string describe(const Operation& operation) {
  std::string text =
      "thread " + std::to_string(operation.thread) + " [" + std::to_string(operation.called) +
      ", " +
      (operation.returned == Operation::kNever ? std::string("never")
                                               : std::to_string(operation.returned)) +
      "]";
  for (const auto& seen : operation.observations) {
    text += " saw k" + std::to_string(seen.key) + "=" + text_of(seen.cell) + ";";
  }
  for (const auto& required : operation.requirements) {
    text += " required k" + std::to_string(required.key) + " " + text_of(required) + ";";
  }
  for (const auto& write : operation.writes) {
    const std::string key = "k" + std::to_string(write.key);
    text += write.value == kAbsent ? " removed " + key + ";"
                                   : " put " + key + "=" + std::to_string(write.value) + ";";
  }
  switch (operation.outcome) {
    case Outcome::committed:
      if (!operation.writes.empty()) text += " committed as " + name_of(operation.sequence);
      break;
    case Outcome::conflict:
      text += " conflict";
      if (operation.failed) {
        text += " at requirement " + std::to_string(operation.failed->position) + ", found " +
                (operation.failed->found ? name_of(*operation.failed->found) : "nothing");
      }
      break;
    case Outcome::unknown: text += " outcome unknown"; break;
  }
  return text;
}

}  // namespace talea::trust
