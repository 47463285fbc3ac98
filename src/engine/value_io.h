// The insides of ValueWriter and ValueReader: values in pieces, over chunks of extent segments.
#pragma once

#include <memory>
#include <vector>

#include "engine/extent_store.h"
#include "log/extent.h"
#include "talea/engine.h"

namespace talea {

struct ValueWriter::State {
  State(EngineStore& store_in, ExtentStore& extents_in, std::uint64_t instance_in)
      : store(store_in), extents(extents_in), instance(instance_in) {}

  // Writes all that is buffered as one chunk.
  Status flush();

  EngineStore& store;
  ExtentStore& extents;
  const std::uint64_t instance;
  ExtentList list;  // of what was flushed
  Bytes buffered;   // at most one chunk
  std::uint64_t chunks = 0;
  Status failed;
  bool finished = false;
};

struct ValueReader::State {
  std::uint64_t bytes = 0;
  Sequence revision = 0;
  std::uint64_t offset = 0;
  Bytes inline_value;  // of a value that is no extent
  ExtentList list;
  std::vector<std::shared_ptr<const Segment>> segments;  // one for each piece of the list
  Bytes scratch;
};

}  // namespace talea
