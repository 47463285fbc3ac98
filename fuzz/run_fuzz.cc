// Any bytes, opened as a run, looked up, walked in both directions and verified.
//
// The first byte is not part of the run: bit 0 repairs the checksums, so that nonsense reaches what
// lies behind them; bit 1 lets the reader hold index and filter, bit 2 read through a mapping.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/assert.h"
#include "index/run_reader.h"
#include "index/run_testing.h"

namespace {

using namespace talea;

// Whatever the file holds, rows come in order. (So a walk ends, too: a file has so many blocks.)
void walk(RunIterator& rows, bool forward) {
  Bytes previous_key;
  Sequence previous_sequence = 0;
  Status status = forward ? rows.seek_first() : rows.seek_last();
  while (status.ok() && rows.valid()) {
    const Bytes key = run_row_key(rows.space(), rows.key());
    const Sequence sequence = rows.revision().sequence;
    if (!previous_key.empty()) {
      const int order = compare_run_rows(previous_key, previous_sequence, key, sequence);
      TALEA_ASSERT(forward ? order < 0 : order > 0);
    }
    previous_key = key;
    previous_sequence = sequence;
    status = forward ? rows.next() : rows.prev();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bool repair = (data[0] & 1) != 0;
  const bool hold = (data[0] & 2) != 0;
  const auto disk = std::make_shared<testing_run::Disk>();
  disk->bytes.assign(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (repair) testing_run::Resealer(disk->bytes).reseal();

  const Result<RunReader> run =
      RunReader::open(std::make_unique<testing_run::MemoryFile>(disk), "fuzz",
                      {.hold_index = hold, .hold_filter = hold, .mapped = (data[0] & 4) != 0});
  if (!run.ok()) return 0;
  TALEA_ASSERT(run->memory_bytes() <= 64 * size + 4096);
  RunIterator rows = run->iterate();
  walk(rows, true);
  walk(rows, false);
  for (const BytesView key : {"a", "alpha", "much revised", "zulu"}) {
    for (const std::uint32_t space : {0u, 7u}) {
      (void)run->get(static_cast<Space>(space), key);
      (void)run->get(static_cast<Space>(space), key, 2005);
    }
  }
  (void)run->verify();
  return 0;
}
