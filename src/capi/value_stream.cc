// Values of any length, written and read piece by piece.
#include "capi/boundary.h"
#include "capi/handles.h"

using talea::Status;
using talea::capi::bytes_of;
using talea::capi::guarded;
using talea::capi::required;
using talea::capi::set_if_wanted;

int talea_writer_open(talea_engine* engine, talea_writer** writer, talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<talea_writer*>(writer, nullptr);
    TALEA_TRY(required({{engine, "engine"}, {writer, "writer"}}));
    talea::ValueWriter opened = TALEA_TRY(engine->engine->write_value());
    *writer = new talea_writer{engine->engine, std::move(opened)};
    return {};
  });
}

void talea_writer_free(talea_writer* writer) { delete writer; }

int talea_writer_append(talea_writer* writer, const void* piece, size_t piece_bytes,
                        talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{writer, "writer"}}));
    TALEA_TRY(writer->engine->check_open());
    return writer->writer.append(TALEA_TRY(bytes_of(piece, piece_bytes, "piece")));
  });
}

uint64_t talea_writer_bytes(const talea_writer* writer) {
  return writer == nullptr ? 0 : writer->writer.bytes();
}

int talea_writer_finish(talea_writer* writer, talea_stored** stored, talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<talea_stored*>(stored, nullptr);
    TALEA_TRY(required({{writer, "writer"}, {stored, "stored"}}));
    talea::StoredValue finished = TALEA_TRY(writer->writer.finish());
    *stored = new talea_stored{std::move(finished)};
    return {};
  });
}

uint64_t talea_stored_bytes(const talea_stored* stored) {
  return stored == nullptr ? 0 : stored->value.bytes();
}

void talea_stored_free(talea_stored* stored) { delete stored; }

int talea_reader_open(talea_engine* engine, const void* key, size_t key_bytes, int* found,
                      talea_reader** reader, talea_error** error) {
  return guarded(error, [&]() -> Status {
    set_if_wanted<talea_reader*>(reader, nullptr);
    TALEA_TRY(required({{engine, "engine"}, {found, "found"}, {reader, "reader"}}));
    std::optional<talea::ValueReader> opened =
        TALEA_TRY(engine->engine->read_value(TALEA_TRY(bytes_of(key, key_bytes, "key"))));
    *found = opened.has_value() ? 1 : 0;
    if (opened.has_value()) *reader = new talea_reader{engine->engine, std::move(*opened)};
    return {};
  });
}

void talea_reader_free(talea_reader* reader) { delete reader; }

uint64_t talea_reader_bytes(const talea_reader* reader) {
  return reader == nullptr ? 0 : reader->reader.bytes();
}

uint64_t talea_reader_revision(const talea_reader* reader) {
  return reader == nullptr ? 0 : reader->reader.revision();
}

int talea_reader_read(talea_reader* reader, talea_slice* piece, talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{reader, "reader"}, {piece, "piece"}}));
    TALEA_TRY(reader->engine->check_open());
    *piece = talea::capi::slice_of(TALEA_TRY(reader->reader.read()));
    return {};
  });
}

int talea_reader_seek(talea_reader* reader, uint64_t offset, talea_error** error) {
  return guarded(error, [&]() -> Status {
    TALEA_TRY(required({{reader, "reader"}}));
    TALEA_TRY(reader->engine->check_open());
    return reader->reader.seek(offset);
  });
}
